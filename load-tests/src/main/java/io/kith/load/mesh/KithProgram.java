package io.kith.load.mesh;

import io.kith.load.tools.Command;
import io.kith.load.tools.RunningProcess;
import io.kith.load.tools.StartCache;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** One of Kith's programs, run by this JVM's own java and class path. */
public enum KithProgram {
  /** Operator's command line, server, and development identity. */
  SERVER("io.kith.server.Main"),
  /** Node agent. */
  BRIDGE("io.kith.bridge.Main");

  private final String mainClass;

  KithProgram(String mainClass) {
    this.mainClass = mainClass;
  }

  /**
   * Starts it beside us, with its output in a file.
   *
   * @param command what starts it and takes something from it; may be empty
   */
  public RunningProcess start(List<String> command, String name, Path log, List<String> arguments) {
    var all = new ArrayList<>(command);
    all.addAll(argv(arguments));
    return RunningProcess.start(name, log, Map.of(), all);
  }

  /** Runs it to its end. */
  public Command.Outcome run(Duration limit, List<String> arguments)
      throws IOException, InterruptedException {
    return Command.run(limit, argv(arguments));
  }

  private List<String> argv(List<String> arguments) {
    return StartCache.argv(mainClass, List.of(), arguments);
  }
}
