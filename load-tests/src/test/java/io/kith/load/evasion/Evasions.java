package io.kith.load.evasion;

import java.util.List;
import java.util.stream.Stream;

/** All evasions, in the order of docs/threat-model.md. */
final class Evasions {
  static final List<Evasion> ALL =
      Stream.of(
              ProgramEvasions.all(),
              BypassEvasions.all(),
              SidecarEvasions.all(),
              BridgeEvasions.all())
          .flatMap(List::stream)
          .toList();

  private Evasions() {}
}
