package io.kith.baselines.config;

import io.kith.baselines.identity.Owner;

/** What a mode is set for: the mesh, a namespace or an owner; the most specific wins. */
public sealed interface ScopeName {
  /** Every workload. */
  record Mesh() implements ScopeName {
    @Override
    public String toString() {
      return "*";
    }
  }

  /** The workloads of a namespace. */
  record Namespace(String name) implements ScopeName {
    @Override
    public String toString() {
      return name + "/*";
    }
  }

  /** One workload. */
  record One(Owner owner) implements ScopeName {
    @Override
    public String toString() {
      return owner.toString();
    }
  }

  /** Higher is more specific. */
  default int specificity() {
    return switch (this) {
      case Mesh() -> 0;
      case Namespace _ -> 1;
      case One _ -> 2;
    };
  }

  /** Whether the owner is within the scope. */
  default boolean covers(Owner owner) {
    return switch (this) {
      case Mesh() -> true;
      case Namespace(var name) -> owner.namespace().equals(name);
      case One(var one) -> one.equals(owner);
    };
  }

  /**
   * Reads {@code *}, {@code namespace/*} or {@code namespace/kind/name}.
   *
   * @throws IllegalArgumentException for anything else
   */
  static ScopeName parse(String text) {
    if (text.equals("*")) {
      return new Mesh();
    }
    if (text.endsWith("/*") && text.indexOf('/') == text.length() - 2 && text.length() > 2) {
      return new Namespace(text.substring(0, text.length() - 2));
    }
    try {
      return new One(Owner.parse(text));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "scope: '" + text + "' (expected: *, namespace/* or namespace/kind/name)", e);
    }
  }
}
