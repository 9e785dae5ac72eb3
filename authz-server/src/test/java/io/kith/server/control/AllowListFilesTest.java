package io.kith.server.control;

import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.server.check.Await;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(600)
class AllowListFilesTest {
  @TempDir Path folder;

  private static String list(String name, String action, String path) {
    return """
    apiVersion: kith.io/v1
    kind: EgressAllowList
    metadata: {name: %s}
    spec:
      workload: shop/deployment/checkout
      rules:
      - action: %s
        by: ada
        why: CHG-7
        process: {path: %s}
        destination: {cidr: 10.88.2.10, port: 5432}
    """
        .formatted(name, action, path);
  }

  private AllowListFiles read() throws IOException {
    return AllowListFiles.read(List.of(folder), PublicSuffixes.UNKNOWN);
  }

  private static List<String> names(AllowListFiles files) {
    return files.lists().all().map(one -> one.name()).toList();
  }

  @Test
  void reload_badFile_keepsWhatWasGoodAndNamesFileLineAndWhatToDo() throws Exception {
    var file = Files.writeString(folder.resolve("a.yaml"), example("a"));
    try (var files = read()) {
      assertThat(names(files)).containsExactly("a");
      assertThat(files.reload()).isFalse();

      Files.writeString(file, example("a").replace("kind: EgressAllowList", "kind: Nonsense"));
      assertThat(files.reload()).isFalse();
      assertThat(names(files)).containsExactly("a");
      assertThat(files.problems())
          .isNotEmpty()
          .allSatisfy(problem -> assertThat(problem.where()).startsWith(file + ":"));

      Files.writeString(file, example("b"));
      assertThat(files.reload()).isTrue();
      assertThat(names(files)).containsExactly("b");
      assertThat(files.problems()).isEmpty();
    }
  }

  /** A node has so many of what tells at once for all containers of a user. */
  @Test
  void watch_nothingTellsAtOnce_looksAllTheSame() {
    var looks = new AtomicInteger();
    FileWatch.Watches none =
        () -> {
          throw new IOException("User limit of inotify instances reached");
        };
    try (var watch = new FileWatch(List.of(folder), none)) {
      watch.start(looks::incrementAndGet);
      Await.until("it looked twice", () -> looks.get() >= 2);
    }
  }

  /** Those beyond a thousand were left out without a word, a deny among them. */
  @Test
  void reload_moreFilesThanAreRead_isAProblem_andWhatWasGoodStays() throws Exception {
    Files.writeString(folder.resolve("z.yaml"), example("z"));
    try (var files = read()) {
      for (var i = 0; i < 1_000; i++) {
        Files.writeString(folder.resolve("a" + i + ".yaml"), "");
      }

      assertThat(files.reload()).isFalse();

      assertThat(names(files)).containsExactly("z");
      assertThat(files.problems())
          .singleElement()
          .satisfies(
              problem ->
                  assertThat(problem.toString())
                      .contains("cannot be read: more than 1000 files (expected: fewer)"));
    }
  }

  /** A file that was too long, or no text, counted as one that is gone, with all of its rules. */
  @Test
  void reload_fileWithoutAnEnd_isAProblem_andWhatWasGoodStays() throws Exception {
    var file = Files.writeString(folder.resolve("a.yaml"), example("a"));
    try (var files = read()) {
      Files.delete(file);
      Files.createSymbolicLink(file, Path.of("/dev/zero"));

      assertThat(files.reload()).isFalse();

      assertThat(names(files)).containsExactly("a");
      assertThat(files.problems())
          .singleElement()
          .satisfies(
              problem ->
                  assertThat(problem.toString())
                      .endsWith("too long (expected: at most 4194304 bytes)"));

      Files.delete(file);
      Files.write(file, new byte[] {(byte) 0xff});
      assertThat(files.reload()).isFalse();
      assertThat(names(files)).containsExactly("a");

      Files.delete(file);
      assertThat(files.reload()).isTrue();
      assertThat(names(files)).isEmpty();
    }
  }

  @Test
  void reload_fileGoneFromAFolder_isGone_butAFolderThatIsGoneIsNot() throws Exception {
    var file = Files.writeString(folder.resolve("a.yaml"), example("a"));
    Files.writeString(folder.resolve("b.yaml"), example("b"));
    try (var files = read()) {
      Files.delete(file);
      assertThat(files.reload()).isTrue();
      assertThat(names(files)).containsExactly("b");

      var away = folder.resolveSibling(folder.getFileName() + ".away");
      Files.move(folder, away);
      assertThat(files.reload()).isFalse();
      assertThat(names(files))
          .as("a volume that is not mounted takes no rule away")
          .containsExactly("b");
      assertThat(files.problems())
          .singleElement()
          .satisfies(
              problem ->
                  assertThat(problem.toString())
                      .endsWith(
                          "cannot be read: it is not there (put it back, or take it out of"
                              + " allowLists)"));
      Files.move(away, folder);
    }
  }

  @Test
  void reload_configMapSwapsItsLink_readsTheNewOne() throws Exception {
    for (var name : List.of("one", "two")) {
      var version = Files.createDirectory(folder.resolve(".." + name));
      Files.writeString(version.resolve("rules.yaml"), example(name));
    }
    var data = folder.resolve("..data");
    Files.createSymbolicLink(data, Path.of("..one"));
    Files.createSymbolicLink(folder.resolve("rules.yaml"), Path.of("..data/rules.yaml"));
    try (var files = read()) {
      assertThat(names(files)).containsExactly("one");

      var next = Files.createSymbolicLink(folder.resolve("..next"), Path.of("..two"));
      Files.move(next, data, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);

      assertThat(files.reload()).isTrue();
      assertThat(names(files)).containsExactly("two");
    }
  }

  @Test
  void reload_listMovedToAnotherFile_isTakenFromThere() throws Exception {
    var file = Files.writeString(folder.resolve("b.yaml"), example("moved"));
    try (var files = read()) {
      Files.move(file, folder.resolve("a.yaml"));

      files.reload();

      assertThat(names(files)).containsExactly("moved");
      assertThat(files.problems()).isEmpty();
    }
  }

  @Test
  void read_badFileAtTheStart_isRefusedWithEveryProblem() throws Exception {
    Files.writeString(folder.resolve("a.yaml"), "kind: Nonsense");
    Files.writeString(folder.resolve("b.yaml"), "kind: Other");

    assertThatThrownBy(this::read)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("a.yaml:1")
        .hasMessageContaining("b.yaml:1");
  }

  @Test
  void follow_changedFile_decidesWithoutARestart_andDenyWins() throws Exception {
    var site = new Site(new HostileStore());
    Files.writeString(folder.resolve("a.yaml"), example("a"));
    site.lists = read();
    try (var state = site.server()) {
      site.check(state, flow(database(), PAYMENTS));
      state.finishTestRun(CHECKOUT.owner(), "suite passed", "ada");
      state.setMode(new ScopeName.One(CHECKOUT.owner()), Mode.ENFORCE, "ready", "ada");
      assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("new_process");

      Files.writeString(folder.resolve("b.yaml"), list("b", "allow", "/usr/bin/curl"));
      Await.until(
          "curl is allowed", () -> site.reason(state, flow(database(), CURL)).equals("allowed"));

      Files.writeString(folder.resolve("c.yaml"), list("c", "deny", "/usr/bin/curl"));
      Await.until(
          "curl is denied",
          () -> site.reason(state, flow(database(), CURL)).equals("denied_by_hand"));
      site.check(state, flow(database(), CURL));
      assertThat(state.reports().rules(CHECKOUT.owner()))
          .filteredOn(rule -> rule.action() == Rule.Action.DENY)
          .singleElement()
          .satisfies(
              rule -> {
                assertThat(rule.where()).contains("c.yaml:");
                assertThat(rule.lastUsed()).isEqualTo(site.clock.instant());
              });
      assertThat(state.reports().lint(null)).isNotEmpty();
    }
  }

  private static String example(String name) {
    return list(name, "allow", "/usr/bin/wget");
  }
}
