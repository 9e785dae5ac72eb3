package io.kith.load.scale;

/** Where Checks are answered. */
sealed interface Placement {
  /** Check servers in a mesh of a size. */
  int servers(Size size);

  /** Check servers that each sidecar talks to. */
  int serversOfAPod();

  /** Replicas that follow the database. */
  int followers();

  String words();

  /** For machines. */
  String id();

  /** Replicas that have everything; each sidecar and each bridge is connected to each. */
  record Central(int replicas) implements Placement {
    public Central {
      if (replicas < 1 || replicas > 10_000) {
        throw new IllegalArgumentException("replicas: " + replicas + " (expected: 1 to 10,000)");
      }
    }

    @Override
    public int servers(Size size) {
      return replicas;
    }

    @Override
    public int serversOfAPod() {
      return replicas;
    }

    @Override
    public int followers() {
      return replicas;
    }

    @Override
    public String words() {
      return replicas + " central";
    }

    @Override
    public String id() {
      return "central-" + replicas;
    }
  }

  /** A check server on each node with what its pods need, and control replicas that have all. */
  record NodeLocal(int control) implements Placement {
    public NodeLocal {
      if (control < 1 || control > 100) {
        throw new IllegalArgumentException("control: " + control + " (expected: 1 to 100)");
      }
    }

    @Override
    public int servers(Size size) {
      return size.nodes();
    }

    @Override
    public int serversOfAPod() {
      return 1;
    }

    @Override
    public int followers() {
      return control;
    }

    @Override
    public String words() {
      return "on each node";
    }

    @Override
    public String id() {
      return "node-local";
    }
  }
}
