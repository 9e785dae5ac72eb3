package io.kith.load.evasion;

/** In a container of a Docker Engine, with its overlay, cgroups and sessions. */
class ContainerEvasionTest extends EvasionSuite {
  ContainerEvasionTest() {
    super(Evasion.Place.CONTAINER);
  }
}
