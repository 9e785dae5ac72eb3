package io.kith.load;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The directions of docs/adr/0001-modules.md, and what stays inside one package. */
@AnalyzeClasses(packages = "io.kith", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String GENERATED_BRIDGE = "io.kith.bridge.v1..";
  private static final String GENERATED_ADMIN = "io.kith.admin.v1..";

  @ArchTest
  static final ArchRule baselines_knowOnlyTheJdkJSpecifyAndYaml =
      classes()
          .that()
          .resideInAPackage("io.kith.baselines..")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(
              "io.kith.baselines..", "java..", "org.jspecify..", "org.snakeyaml.engine..");

  @ArchTest
  static final ArchRule baselines_doNoInputOrOutput_andReadNoClock =
      noClasses()
          .that()
          .resideInAPackage("io.kith.baselines..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("java.nio.channels..", "java.sql..", "java.net.http..")
          .orShould()
          .dependOnClassesThat()
          .haveFullyQualifiedName("java.nio.file.Files")
          .orShould()
          .dependOnClassesThat()
          .haveFullyQualifiedName("java.time.Clock")
          .orShould()
          .callMethod(System.class, "currentTimeMillis")
          .orShould()
          .callMethod(System.class, "nanoTime")
          .orShould()
          .callMethod(java.time.Instant.class, "now");

  @ArchTest
  static final ArchRule baselines_useYamlOnlyAtTheirEdge =
      noClasses()
          .that()
          .resideInAPackage("io.kith.baselines..")
          .and()
          .resideOutsideOfPackage("io.kith.baselines.yaml..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.snakeyaml..");

  @ArchTest
  static final ArchRule server_andBridge_meetOnlyInTheProtocol =
      noClasses()
          .that()
          .resideInAPackage("io.kith.server..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "io.kith.bridge",
              "io.kith.bridge.ffm..",
              "io.kith.bridge.capture..",
              "io.kith.bridge.container..",
              "io.kith.bridge.guard..",
              "io.kith.bridge.identity..",
              "io.kith.bridge.process..",
              "io.kith.bridge.stream..",
              "io.kith.load..");

  @ArchTest
  static final ArchRule bridge_knowsNeitherServerNorRecipes =
      noClasses()
          .that()
          .resideInAPackage("io.kith.bridge..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "io.kith.server..", "io.kith.istio..", "io.kith.load..", GENERATED_ADMIN);

  @ArchTest
  static final ArchRule nobody_dependsOnLoadTests =
      noClasses()
          .that()
          .resideOutsideOfPackage("io.kith.load..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("io.kith.load..");

  @ArchTest
  static final ArchRule identity_knowsOnlyTheDomain =
      noClasses()
          .that()
          .resideInAPackage("io.kith.spiffe..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "io.kith.server..", "io.kith.bridge..", "io.kith.istio..", "io.kith.load..");

  @ArchTest
  static final ArchRule foreignMemory_staysInItsPackages =
      noClasses()
          .that()
          .resideOutsideOfPackages(
              "io.kith.bridge.ffm..", "io.kith.server.ffm..", "io.kith.load.ffm..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("java.lang.foreign..");

  @ArchTest
  static final ArchRule nobody_parsesProcInTheServer =
      noClasses()
          .that()
          .resideInAPackage("io.kith.server.check..")
          .should()
          .dependOnClassesThat()
          .haveFullyQualifiedName("java.nio.file.Files");

  @ArchTest
  static final ArchRule packages_haveNoCycles =
      slices()
          .matching("io.kith.(**)")
          .should()
          .beFreeOfCycles()
          .ignoreDependency(
              com.tngtech.archunit.base.DescribedPredicate.alwaysTrue(),
              com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage(
                  GENERATED_BRIDGE, GENERATED_ADMIN, "io.kith.spiffe.workload.."));
}
