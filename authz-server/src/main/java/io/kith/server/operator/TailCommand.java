package io.kith.server.operator;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.ListAuditRequest;
import io.kith.admin.v1.TailDecisionsRequest;
import io.kith.admin.v1.TailDecisionsResponse;
import io.kith.baselines.config.ConfigException;
import io.kith.server.admin.ShownEdges;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OutputOption;
import io.kith.server.verb.Surroundings;
import io.kith.server.verb.Words;
import io.kith.server.waiting.BackOff;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashSet;
import java.util.SequencedSet;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
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

  /** What is over sooner after a stream was opened was not newer. */
  private static final Duration SOON = Duration.ofSeconds(5);

  /** Why a stream of decisions ended. */
  private enum End {
    /** All was shown that was asked for. */
    SHOWN,

    /** The server has stopped. */
    STOPPED,

    /** What proved who follows counts no longer; there may be a newer one. */
    OVER
  }

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
  private boolean again;
  private boolean soonOver;
  private int lines;

  /** When the first that was shown was decided; none from before was asked for. */
  private @Nullable Instant first;

  /** Ids of the decisions that were shown last, where every one is. */
  private final SequencedSet<String> shown = new LinkedHashSet<>();

  /** Else: the server knows only what it has shown since a stream was opened. */
  private final ShownEdges edges = new ShownEdges();

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
        switch (server.ask(here, this::follow)) {
          case SHOWN -> {
            return 0;
          }
          case STOPPED -> throw Failure.unreachable("the server has stopped");
          case OVER -> {} // opened again, and who has nothing newer is refused
        }
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

  /** Also what was decided since the last time, as far as the server remembers it. */
  private End follow(AdminServiceBlockingStub admin) {
    again = connected;
    var latest = lost || first != null ? MOST : last; // what is too old of it is left out
    connect(admin);
    var opened = System.nanoTime();
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
          return End.SHOWN;
        }
      }
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() == Status.Code.UNAUTHENTICATED) {
        var soon = Duration.ofNanos(System.nanoTime() - opened).compareTo(SOON) < 0;
        if (soon && soonOver) {
          throw e; // the newer one does not count either
        }
        soonOver = soon;
        return End.OVER;
      }
      if (e.getStatus().getCode() != Status.Code.CANCELLED) { // as servers do when they stop
        throw e;
      }
    }
    return End.STOPPED;
  }

  /** A stream says nothing until there is a decision, so something small is asked before. */
  private void connect(AdminServiceBlockingStub admin) {
    var _ = admin.listAudit(ListAuditRequest.newBuilder().setLimit(1).build());
    connected = true;
    if (lost) {
      say("the server answers again; what a server that stopped had not told is missing");
    }
    lost = false;
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
      var decided = decision.getTime();
      var time = Instant.ofEpochSecond(decided.getSeconds(), decided.getNanos());
      if ((again && first != null && time.isBefore(first))
          || !(every ? isNew(decision) : edges.isNew(decision))) {
        continue;
      }
      if (first == null) {
        first = time;
      }
      var out = spec.commandLine().getOut();
      output.printOneOfMany(out, decision, () -> print(decision, out));
      if (++lines == limit) {
        return true;
      }
    }
    return false;
  }

  private boolean isNew(DecisionRecord decision) {
    var isNew = shown.add(decision.getId());
    if (shown.size() > MOST) {
      shown.removeFirst();
    }
    return isNew;
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
