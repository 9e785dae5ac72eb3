package io.kith.server.operator;

import com.google.protobuf.Message;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.baselines.config.ConfigException;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OutputOption;
import io.kith.server.verb.Surroundings;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** A verb that asks a running server one thing and prints the answer. */
@Command(mixinStandardHelpOptions = true, sortOptions = false)
public abstract class AdminVerb<T extends Message> implements Callable<Integer> {
  @SuppressWarnings("NullAway.Init") // set by picocli
  @Spec
  CommandSpec spec;

  @Mixin OutputOption output = new OutputOption();
  @Mixin ServerOption server = new ServerOption();

  /** Asks; a refusal by the server becomes the message for the person. */
  abstract T ask(AdminServiceBlockingStub admin) throws Failure, IOException;

  /** Prints the answer for a person. */
  abstract void print(T answer, PrintWriter out);

  @Override
  public Integer call() throws Failure, ConfigException, IOException, InterruptedException {
    return call(surroundings());
  }

  /** The same without a parser, which may not have read it. */
  public final int call(Surroundings here)
      throws Failure, ConfigException, IOException, InterruptedException {
    var answer = server.ask(here, this::ask);
    output.print(here.out(), answer, () -> print(answer, here.out()));
    return exitCode(answer);
  }

  /** 0, unless there is something to look at; asked after the answer was printed. */
  int exitCode(T answer) throws Failure {
    return 0;
  }

  final PrintWriter out() {
    return spec.commandLine().getOut();
  }

  final Surroundings surroundings() {
    return Surroundings.of(spec);
  }

  /** How the person named the server, to be repeated in a command that is shown. */
  final String serverOption() {
    return server.repeated();
  }
}
