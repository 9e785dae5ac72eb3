package io.kith.load.tools;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * Programs built with Go, in a module of their own, with the versions of the dependencies that
 * their authors chose.
 *
 * @param name for people, with the version
 * @param packages the programs
 * @param version of their module, such as {@code v1.2.3}
 * @param replacements versions of dependencies that are taken instead, as {@code go mod edit
 *     -replace} wants them
 * @param environment for Go
 * @param minutes how long it may take on a small machine, for people
 * @param otherwise what a person can do when it cannot be built
 */
record GoBuild(
    String name,
    List<String> packages,
    String version,
    List<String> replacements,
    Map<String, String> environment,
    int minutes,
    String otherwise) {
  private static final Duration LIMIT = Duration.ofMinutes(40);

  /** What is done in a module. */
  @FunctionalInterface
  interface Steps {
    void in(Path go, Path module) throws IOException, InterruptedException;
  }

  /** Puts the programs into a folder; says every 15 s how long it has taken. */
  void into(Path folder, Consumer<String> say) throws IOException, InterruptedException {
    inModule(
        say,
        (go, module) -> {
          for (var replacement : replacements) {
            run(go, module, Map.of(), List.of("mod", "edit", "-replace", replacement));
          }
          var get = new ArrayList<>(List.of("get", "-tool"));
          packages.forEach(program -> get.add(program + "@" + version));
          run(go, module, get);
          var install = new ArrayList<>(List.of("install", "-trimpath", "-ldflags", "-s -w"));
          install.addAll(packages);
          var into = new HashMap<>(environment);
          into.put("GOBIN", folder.toString());
          run(go, module, into, install);
        });
  }

  /**
   * Does something in a module made for it and removed after; says every 15 s how long it takes,
   * and in the end how long it took.
   */
  void inModule(Consumer<String> say, Steps steps) throws IOException, InterruptedException {
    var go = Command.find("go");
    if (go == null) {
      throw new MissingToolException(
          name + " is missing, and there is no Go to build it with (" + otherwise + ")");
    }
    long began = System.nanoTime();
    var module = Files.createTempDirectory("kith-go-");
    var done = new AtomicBoolean();
    var clock = Thread.ofVirtual().start(() -> tick(done, say));
    try {
      run(go, module, Map.of(), List.of("mod", "init", "scratch"));
      steps.in(go, module);
      say.accept("built %s in %.0f s".formatted(name, (System.nanoTime() - began) / 1e9));
    } finally {
      done.set(true);
      clock.interrupt();
      ToolCache.delete(module);
    }
  }

  /** Runs Go with the environment of this build. */
  void run(Path go, Path module, List<String> arguments) throws IOException, InterruptedException {
    run(go, module, environment, arguments);
  }

  /** The same; what Go wrote. */
  String output(Path go, Path module, List<String> arguments)
      throws IOException, InterruptedException {
    return run(go, module, environment, arguments);
  }

  private String run(Path go, Path module, Map<String, String> environment, List<String> arguments)
      throws IOException, InterruptedException {
    var argv = new ArrayList<>(List.of(go.toString()));
    argv.addAll(arguments);
    var outcome = Command.run(LIMIT, module, environment, argv);
    if (!outcome.succeeded()) {
      throw new MissingToolException(
          name
              + " could not be built: 'go "
              + String.join(" ", arguments)
              + "' says: "
              + Command.tail(outcome.output(), 3)
              + " ("
              + otherwise
              + ")");
    }
    return outcome.output();
  }

  private void tick(AtomicBoolean done, Consumer<String> say) {
    for (int seconds = 0; !done.get(); seconds += 15) {
      say.accept(
          "building "
              + name
              + " with Go, once, some "
              + minutes
              + " minutes: "
              + seconds
              + " s so far");
      try {
        Thread.sleep(Duration.ofSeconds(15));
      } catch (InterruptedException _) {
        return;
      }
    }
  }
}
