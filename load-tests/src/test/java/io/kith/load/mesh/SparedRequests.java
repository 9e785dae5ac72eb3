package io.kith.load.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Requests of the checkout program, several on one connection, through an Envoy with the short cut.
 * What was checked is Envoy's own count.
 */
final class SparedRequests {
  private static final String ALLOWED = "http.http.ext_authz.kith.ok";
  private static final String DENIED = "http.http.ext_authz.kith.denied";

  /**
   * What became of them.
   *
   * @param lines that the program printed, one for each request
   * @param allowed so many requests were checked and passed
   * @param denied so many were checked and refused
   */
  private record Answers(List<String> lines, long allowed, long denied) {}

  private final Mesh mesh;
  private final int port;

  SparedRequests(Mesh mesh) {
    this.mesh = mesh;
    this.port = mesh.catalog().port();
  }

  /** The catalog by its address, and then these hosts on the same connection. */
  private Answers ask(String... further) throws IOException, InterruptedException {
    var argv = argv(further);
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    for (; ; ) {
      var allowed = mesh.envoy().stat(ALLOWED);
      var denied = mesh.envoy().stat(DENIED);
      var lines = mesh.run(argv).stdout().lines().skip(1).toList(); // the database's
      var answers =
          new Answers(
              lines, mesh.envoy().stat(ALLOWED) - allowed, mesh.envoy().stat(DENIED) - denied);
      if (isDecided(answers) || System.nanoTime() - end > 0) {
        return answers;
      }
    }
  }

  private List<String> argv(String... further) {
    var database = mesh.database();
    var argv =
        new ArrayList<>(
            List.of(
                "/app/checkout",
                database.host().v4().getHostAddress(),
                Integer.toString(database.port()),
                catalog()));
    argv.addAll(List.of(further));
    return argv;
  }

  /** A busy machine refuses what it decides too late. */
  private boolean isDecided(Answers answers) {
    return !answers.lines().isEmpty()
        && answers.lines().getFirst().equals(mesh.catalog().token())
        && answers.lines().stream().noneMatch(line -> line.endsWith(": 503"))
        && (answers.denied() == 0
            || !Mesh.NOT_DECIDED.contains(mesh.denials().getFirst().getReason()));
  }

  private String catalog() {
    return mesh.catalog().host().v4().getHostAddress() + ":" + port;
  }

  void sparedOnesArrive() throws IOException, InterruptedException {
    var token = mesh.catalog().token();

    assertThat(ask("catalog:" + port, catalog()))
        .isEqualTo(new Answers(List.of(token, token, token), 0, 0));
  }

  void anotherHostIsCheckedAndRefused() throws IOException, InterruptedException {
    var token = mesh.catalog().token();
    var payments = "payments:" + port;

    assertThat(ask(payments, catalog()))
        .isEqualTo(new Answers(List.of(token, payments + ": 403", token), 0, 1));
    assertThat(mesh.denials().getFirst().getReason()).isEqualTo("name_mismatch");
  }

  /** Nobody's name says nothing against whoever has the address. */
  void unknownHostIsChecked() throws IOException, InterruptedException {
    var token = mesh.catalog().token();

    assertThat(ask("nobody:" + port)).isEqualTo(new Answers(List.of(token, token), 1, 0));
  }

  /** An Envoy that routes elsewhere than where its requests may be spared. */
  static String sparedInAnotherCluster(String recipe) {
    var changed =
        recipe.replaceAll("(key: x-kith-spare\\s+value: )kith_passthrough", "$1kith_elsewhere");
    assertThat(changed).isNotEqualTo(recipe);
    return changed;
  }

  void toAnotherClusterAllAreChecked() throws IOException, InterruptedException {
    var token = mesh.catalog().token();

    assertThat(ask(catalog())).isEqualTo(new Answers(List.of(token, token), 2, 0));
  }

  /** An Envoy that routes requests to where nobody is, whatever the answer named. */
  static String routedElsewhere(String recipe) {
    var changed = recipe.replaceAll("(route:\\s+cluster: )kith_passthrough", "$1kith_blackhole");
    assertThat(changed).isNotEqualTo(recipe);
    return changed;
  }

  void routedElsewhereIsChecked() throws IOException, InterruptedException {
    var argv = argv();
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    var checked = 0L;
    while (checked == 0 && System.nanoTime() - end < 0) { // a busy machine refuses connections
      mesh.run(argv);
      checked = mesh.envoy().stat(ALLOWED) + mesh.envoy().stat(DENIED);
    }

    assertThat(checked).as("checked requests").isPositive();
  }

  /** Under observe the answers name nothing. */
  void withoutMetadataAllAreChecked() throws Exception {
    mesh.kith("mode", Mesh.CHECKOUT, "observe", "--note", "test").orFail();
    try {
      var token = mesh.catalog().token();

      assertThat(ask(catalog(), catalog()))
          .isEqualTo(new Answers(List.of(token, token, token), 3, 0));
    } finally {
      mesh.kith("mode", Mesh.CHECKOUT, "enforce", "--note", "test").orFail();
    }
  }
}
