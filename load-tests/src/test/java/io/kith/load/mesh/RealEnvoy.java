package io.kith.load.mesh;

import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import io.kith.load.tools.Envoy;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/**
 * Which tests have the real Envoy ask: those whose code, or what is run before it, leads to where
 * one is found. Read from the compiled tests of this module; no other one knows Envoy.
 */
final class RealEnvoy {
  private static final String OURS = "io.kith.load";

  private final JavaClasses classes = new ClassFileImporter().importPackages(OURS);

  /**
   * Whether a test does.
   *
   * @param test {@code Class#method}, of any module
   */
  boolean isIn(String test) {
    var parts = test.split("#", 2);
    return classes.stream()
        .filter(type -> type.getSimpleName().equals(parts[0]))
        .anyMatch(type -> leadsToIt(type, parts[1]));
  }

  private static boolean leadsToIt(JavaClass type, String method) {
    var known = new HashSet<JavaCodeUnit>();
    var open = new ArrayDeque<JavaCodeUnit>();
    type.getCodeUnits().stream()
        .filter(unit -> unit.getName().equals(method) || isRunBefore(unit))
        .forEach(open::add);
    for (var unit = open.poll(); unit != null; unit = open.poll()) {
      if (unit.getOwner().isEquivalentTo(Envoy.class) && unit.getName().equals("find")) {
        return true;
      }
      if (known.add(unit)) {
        called(unit).forEach(open::add);
      }
    }
    return false;
  }

  private static boolean isRunBefore(JavaCodeUnit unit) {
    return unit.isAnnotatedWith(BeforeAll.class)
        || unit.isAnnotatedWith(BeforeEach.class)
        || unit.isConstructor()
        || unit.getName().equals("<clinit>");
  }

  private static Stream<JavaCodeUnit> called(JavaCodeUnit unit) {
    return unit.getAccessesFromSelf().stream()
        .map(JavaAccess::getTarget)
        .flatMap(target -> target.resolveMember().stream())
        .filter(member -> member.getOwner().getPackageName().startsWith(OURS))
        .filter(JavaCodeUnit.class::isInstance)
        .map(JavaCodeUnit.class::cast);
  }
}
