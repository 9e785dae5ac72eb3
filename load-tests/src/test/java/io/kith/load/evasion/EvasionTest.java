package io.kith.load.evasion;

/** In a pod of namespaces and cgroups. */
class EvasionTest extends EvasionSuite {
  EvasionTest() {
    super(Evasion.Place.NAMESPACES);
  }
}
