package io.kith.load.compare;

import io.kith.load.tools.MissingToolException;
import io.kith.load.tools.RunningProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Starts the servers under comparison, each as a process on the server's processor. */
final class Servers {
  private static final Duration START = Duration.ofMinutes(1);
  private static final String LISTENING = "listening ";

  private final Path folder;
  private final Cores cores;
  private final Identities identities;
  private final int pods;
  private final Consumer<String> say;

  Servers(Path folder, Cores cores, Identities identities, int pods, Consumer<String> say) {
    this.folder = folder;
    this.cores = cores;
    this.identities = identities;
    this.pods = pods;
    this.say = say;
  }

  /**
   * Starts one, and waits until it answers.
   *
   * @throws Unmeasured when that is not possible here
   */
  Started start(Contender contender, boolean tls)
      throws Unmeasured, IOException, InterruptedException {
    return switch (contender) {
      case KITH, KITH_BRIDGE -> {
        if (!tls) {
          throw new Unmeasured("takes mutual TLS only");
        }
        yield new KithServer(folder.resolve(contender.id()), identities, pods).start(cores);
      }
      case NULL_JAVA_DIRECT -> nullJava(contender, true, tls);
      case NULL_JAVA -> nullJava(contender, false, tls);
      case NULL_GO -> nullGo(tls);
      case OPA -> {
        if (tls) {
          throw new Unmeasured("takes Checks without TLS only");
        }
        yield OpaEnvoy.start(folder.resolve(contender.id()), cores, pods);
      }
    };
  }

  private Started nullJava(Contender contender, boolean direct, boolean tls)
      throws IOException, InterruptedException {
    return listening(
        contender,
        tls,
        JavaProgram.argv(
            NullServer.class,
            NullServer.arguments(direct, tls ? identities.socketOfServer() : null)));
  }

  private Started nullGo(boolean tls) throws Unmeasured, IOException, InterruptedException {
    var program = new ArrayList<String>();
    try {
      program.add(NullGo.find(say).toString());
    } catch (MissingToolException e) {
      throw new Unmeasured(String.valueOf(e.getMessage()));
    }
    if (tls) {
      program.addAll(List.of("-tls", identities.serverFiles().toString()));
    }
    return listening(Contender.NULL_GO, tls, program);
  }

  private Started listening(Contender contender, boolean tls, List<String> program)
      throws InterruptedException {
    var argv = new ArrayList<>(cores.serverPrefix());
    argv.addAll(program);
    var log = folder.resolve(contender.id() + (tls ? "-tls" : "") + ".log");
    var process = RunningProcess.start(contender.words(), log, Map.of(), argv);
    try {
      process.awaitReady(START, () -> process.log().contains(LISTENING));
    } catch (IllegalStateException e) {
      process.close();
      throw e;
    }
    var port =
        process
            .log()
            .lines()
            .filter(line -> line.startsWith(LISTENING))
            .mapToInt(line -> Integer.parseInt(line.substring(LISTENING.length()).strip()))
            .findFirst()
            .orElseThrow();
    return new Started(process, port, List.of());
  }
}
