package io.kith.server.operator;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.ListAuditRequest;
import io.kith.admin.v1.TailDecisionsRequest;
import io.kith.admin.v1.TailDecisionsResponse;
import io.kith.baselines.config.ConfigException;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OutputOption;
import io.kith.server.verb.Surroundings;
import io.kith.server.verb.Words;
import io.kith.server.waiting.BackOff;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.SequencedSet;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Decisions as they are made. */
@Command(
    name = "tail",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Decisions as they are made, one line for each edge: a workload, its process, the"
          + " destination, the verdict and its reason. Until Ctrl-C; a server that stops is waited"
          + " for.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith tail",
      "  kith tail --denied --owner shop/deployment/checkout",
      "  kith tail --every -o json | jq -c '[.time, .process, .destination, .verdict]'",
      "",
      "A server tells what it answers itself, and a control server what the check servers that",
      "follow it answer; of several on one store each is asked for its own.",
    })
public final class TailCommand implements Callable<Integer> {
  private static final int MOST = 1_000;
  private static final Duration FIRST_PAUSE = Duration.ofMillis(250);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

  @SuppressWarnings("NullAway.Init") // set by picocli
  @Spec
  CommandSpec spec;

  @Option(
      names = "--owner",
      paramLabel = "OWNER",
      description = "Only of this workload: namespace/kind/name.")
  String owner = "";

  @Option(names = "--denied", description = "Only denials.")
  boolean denied;

  @Option(names = "--every", description = "Every decision, also of edges that were shown.")
  boolean every;

  @Option(
      names = {"-n", "--last"},
      paramLabel = "N",
      description = "Begin with so many of the latest, 0 to 1000. Default: ${DEFAULT-VALUE}.")
  int last = 10;

  @Option(names = "--limit", paramLabel = "N", description = "End after so many lines.")
  int limit = Integer.MAX_VALUE;

  @Option(
      names = "--once",
      description = {
        "End with exit code 3 when the server stops. Default: connect again, and say so on standard"
            + " error.",
      })
  boolean once;

  @Mixin OutputOption output = new OutputOption();
  @Mixin ServerOption server = new ServerOption();

  private boolean connected;
  private boolean lost;
  private int lines;

  /** Ids of the decisions that were shown last. */
  private final SequencedSet<String> shown = new LinkedHashSet<>();

  @Override
  public Integer call() throws Failure, ConfigException, IOException, InterruptedException {
    if (last < 0 || last > MOST) {
      throw Failure.usage("--last: " + last + " (expected: 0 to " + MOST + ")");
    }
    if (limit < 1) {
      throw Failure.usage("--limit: " + limit + " (expected: 1 or more)");
    }
    var here = Surroundings.of(spec);
    var backOff = new BackOff(FIRST_PAUSE, LONGEST_PAUSE);
    while (true) {
      try {
        if (server.ask(here, connected ? this::followAgain : this::followAtFirst)) {
          return 0;
        }
        throw Failure.unreachable("the server has stopped");
      } catch (Failure e) {
        if (once || !connected || e.exitCode() != Failure.UNREACHABLE) {
          throw e;
        }
        if (!lost) {
          say(e.getMessage() + "; trying again until Ctrl-C");
          backOff.reset();
        }
        lost = true;
        Thread.sleep(backOff.next());
      }
    }
  }

  private boolean followAtFirst(AdminServiceBlockingStub admin) throws Failure {
    connect(admin);
    return follow(admin, last);
  }

  /** What was decided since, as far as the server remembers it; nothing is shown a second time. */
  private boolean followAgain(AdminServiceBlockingStub admin) throws Failure {
    connect(admin);
    say("the server answers again; what a server that stopped had not told is missing");
    return follow(admin, MOST);
  }

  /** A stream says nothing until there is a decision, so something small is asked before. */
  private void connect(AdminServiceBlockingStub admin) {
    var _ = admin.listAudit(ListAuditRequest.newBuilder().setLimit(1).build());
    connected = true;
    lost = false;
  }

  /** Whether all was shown that was asked for; if not, the server has stopped. */
  private boolean follow(AdminServiceBlockingStub admin, int latest) throws Failure {
    var messages =
        admin
            .withDeadline(null)
            .tailDecisions(
                TailDecisionsRequest.newBuilder()
                    .setOwner(owner)
                    .setDeniedOnly(denied)
                    .setEvery(every)
                    .setLast(latest)
                    .build());
    try {
      while (messages.hasNext()) {
        if (show(messages.next())) {
          return true;
        }
      }
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() == Status.Code.UNAUTHENTICATED) { // there may be a newer one
        throw Failure.unreachable(Words.safe(String.valueOf(e.getStatus().getDescription())));
      }
      if (e.getStatus().getCode() != Status.Code.CANCELLED) { // as servers do when they stop
        throw e;
      }
    }
    return false;
  }

  /** Whether that was the last line. */
  private boolean show(TailDecisionsResponse message) {
    if (message.getMissed() > 0) {
      say(
          "%,d decisions were made faster than they could be shown (the traces have all denials)"
              .formatted(message.getMissed()));
    }
    if (message.getUnansweredCount() > 0) {
      say(
          "not heard, so their decisions are late or missing: "
              + String.join(", ", message.getUnansweredList().stream().map(Words::safe).toList()));
    }
    if (message.getAllAnswer()) {
      say("all check servers are heard again");
    }
    for (var decision : message.getDecisionsList()) {
      if (!shown.add(decision.getId())) {
        continue;
      }
      if (shown.size() > MOST) {
        shown.removeFirst();
      }
      var out = spec.commandLine().getOut();
      output.printOneOfMany(out, decision, () -> print(decision, out));
      if (++lines == limit) {
        return true;
      }
    }
    return false;
  }

  private void say(String words) {
    spec.commandLine().getErr().println("kith: " + words);
  }

  private void print(DecisionRecord decision, PrintWriter out) {
    var workload = decision.getOwner().isEmpty() ? "(nobody's)" : Words.safe(decision.getOwner());
    var process = decision.getProcess().isEmpty() ? "(unknown)" : Words.safe(decision.getProcess());
    out.printf(
        "%s  %-18s  %-19s  %s  %s%s → %s%n",
        Words.time(decision.getTime()),
        DecisionsCommand.verdict(decision),
        Words.orDash(decision.getReason()),
        decision.getId(),
        owner.isEmpty() ? workload + ": " : "",
        process,
        Words.destination(decision.getDestination(), decision.getPort()));
  }
}
