package io.kith.server;

import io.kith.server.cli.Kith;
import io.kith.server.verb.Surroundings;

/** The program {@code kith}: server and operator's command line. */
public final class Main {
  private Main() {}

  public static void main(String[] arguments) {
    System.exit(Kith.run(Surroundings.ofThisProcess(), arguments));
  }
}
