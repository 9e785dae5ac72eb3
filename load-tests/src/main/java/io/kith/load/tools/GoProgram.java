package io.kith.load.tools;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * A program of ours in Go, of one file, in a module of its own.
 *
 * @param name for people, with the version
 * @param source text of its {@code main.go}
 * @param requirements modules with versions, such as {@code google.golang.org/grpc@v1.2.3}
 * @param otherwise what a person can do when it cannot be built
 */
public record GoProgram(String name, String source, List<String> requirements, String otherwise) {
  /** Puts the program into a folder, as {@code main}. */
  public void into(Path folder, Consumer<String> say) throws IOException, InterruptedException {
    var build =
        new GoBuild(name, List.of(), "", List.of(), Map.of("CGO_ENABLED", "0"), 1, otherwise);
    build.inModule(
        say,
        (go, module) -> {
          Files.writeString(module.resolve("main.go"), source);
          var get = new ArrayList<>(List.of("get"));
          get.addAll(requirements);
          build.run(go, module, get);
          build.run(
              go,
              module,
              List.of(
                  "build",
                  "-trimpath",
                  "-ldflags",
                  "-s -w",
                  "-o",
                  folder.resolve("main").toString(),
                  "."));
        });
  }
}
