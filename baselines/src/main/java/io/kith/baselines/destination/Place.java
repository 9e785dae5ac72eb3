package io.kith.baselines.destination;

import static java.util.Objects.requireNonNull;

/** Hosts that a person names in a rule. */
public sealed interface Place {
  /** Whether the destination is one of them, whatever its port. */
  boolean covers(Destination destination);

  /** Every host. */
  record Anywhere() implements Place {
    @Override
    public boolean covers(Destination destination) {
      return true;
    }

    @Override
    public String toString() {
      return "*";
    }
  }

  /**
   * One name.
   *
   * @param name owner, service or DNS name, as a {@link Destination} has it
   * @param weakest evidence under which the name counts
   */
  record Named(String name, Evidence weakest) implements Place {
    public Named {
      requireNonNull(name, "name");
      requireNonNull(weakest, "weakest");
    }

    @Override
    public boolean covers(Destination destination) {
      return destination.name().equals(name) && destination.evidence().compareTo(weakest) >= 0;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /**
   * The names one label below a parent: {@code *.example.com} has {@code a.example.com} and neither
   * {@code example.com} nor {@code a.b.example.com}.
   *
   * @param parent without the {@code *.}
   */
  record Below(String parent, Evidence weakest) implements Place {
    public Below {
      requireNonNull(parent, "parent");
      requireNonNull(weakest, "weakest");
    }

    @Override
    public boolean covers(Destination destination) {
      return has(destination.name()) && destination.evidence().compareTo(weakest) >= 0;
    }

    /** Whether the name is exactly one label longer. */
    public boolean has(String name) {
      var label = name.length() - parent.length() - 1;
      return label > 0
          && name.endsWith(parent)
          && name.indexOf('.') == label
          && name.indexOf('/') < 0;
    }

    @Override
    public String toString() {
      return "*." + parent;
    }
  }

  /**
   * The addresses of a block.
   *
   * @param virtualToo also counts where a proxy routes by name: there the address is what the
   *     application dialled, not where packets go, so it may deny and must not allow
   */
  record Within(Cidr block, boolean virtualToo) implements Place {
    public Within {
      requireNonNull(block, "block");
    }

    @Override
    public boolean covers(Destination destination) {
      var address = destination.address();
      return address != null
          && block.contains(address)
          && (virtualToo || destination.evidence() != Evidence.MESH_SERVICE);
    }

    @Override
    public String toString() {
      return block.toString();
    }
  }

  /** Whether every destination that the other covers is covered by this one. */
  default boolean includes(Place other) {
    return switch (this) {
      case Anywhere() -> true;
      case Named(var name, var weakest) ->
          other instanceof Named(var otherName, var otherWeakest)
              && name.equals(otherName)
              && otherWeakest.compareTo(weakest) >= 0;
      case Below(var parent, var weakest) ->
          switch (other) {
            case Named(var name, var otherWeakest) ->
                has(parent, name) && otherWeakest.compareTo(weakest) >= 0;
            case Below(var otherParent, var otherWeakest) ->
                parent.equals(otherParent) && otherWeakest.compareTo(weakest) >= 0;
            case Anywhere _, Within _ -> false;
          };
      case Within(var block, var virtualToo) ->
          other instanceof Within(var otherBlock, var otherVirtual)
              && block.contains(otherBlock)
              && (virtualToo || !otherVirtual);
    };
  }

  private static boolean has(String parent, String name) {
    return new Below(parent, Evidence.ADDRESS).has(name);
  }
}
