package io.kith.load.compare;

import io.kith.load.tools.GoProgram;
import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/** The server in Go that allows everything, built once with the versions that OPA-Envoy uses. */
final class NullGo {
  private static final String GRPC = "v1.83.0";
  private static final String MESSAGES = "v1.39.0";

  /** To be raised with each change of {@code main.go}. */
  private static final String EDITION = "1";

  private NullGo() {}

  static Path find(Consumer<String> say) throws InterruptedException {
    return ToolCache.ofUser()
        .fetch("null-go", GRPC + "-" + EDITION, folder -> program().into(folder, say), say)
        .resolve("main");
  }

  private static GoProgram program() throws IOException {
    return new GoProgram(
        "the null server with gRPC-Go " + GRPC,
        resource("main.go"),
        List.of(
            "google.golang.org/grpc@" + GRPC,
            "github.com/envoyproxy/go-control-plane/envoy@" + MESSAGES),
        "install Go, or leave it out: --servers");
  }

  static String resource(String name) throws IOException {
    try (var in = NullGo.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IOException(name + " is not on the class path");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
