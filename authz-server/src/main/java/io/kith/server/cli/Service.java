package io.kith.server.cli;

import io.kith.baselines.config.ConfigException;
import io.kith.server.verb.ConfigOption;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Surroundings;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** A verb that serves until it is told to stop: by a signal, or by interrupting its thread. */
@Command(mixinStandardHelpOptions = true, sortOptions = false)
abstract class Service implements Callable<Integer> {
  @SuppressWarnings("NullAway.Init") // set by picocli
  @Spec
  CommandSpec spec;

  @SuppressWarnings("NullAway.Init") // set before it starts
  private Surroundings surroundings;

  @Mixin ConfigOption config = new ConfigOption();

  /** What runs. Closing it is graceful. */
  interface Running extends AutoCloseable {
    @Override
    void close();
  }

  /** Starts everything and says so; nothing is left running when it fails. */
  abstract Running start(PrintWriter out)
      throws Failure, ConfigException, IOException, InterruptedException;

  @Override
  public final Integer call() throws Failure, ConfigException, IOException, InterruptedException {
    return serve(Surroundings.of(spec));
  }

  /** Serves until it is told to stop. */
  final int serve(Surroundings here)
      throws Failure, ConfigException, IOException, InterruptedException {
    surroundings = here;
    var running = start(here.out());
    var stop = new Thread(running::close, "kith-stop");
    Runtime.getRuntime().addShutdownHook(stop);
    try {
      new CountDownLatch(1).await();
    } catch (InterruptedException _) {
      Runtime.getRuntime().removeShutdownHook(stop);
      running.close();
    }
    return 0;
  }

  final Surroundings surroundings() {
    return surroundings;
  }
}
