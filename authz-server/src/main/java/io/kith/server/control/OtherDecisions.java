package io.kith.server.control;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import io.kith.server.check.CheckRecord;
import io.kith.server.check.Untrusted;
import io.kith.server.telemetry.SpanAttributes;
import java.lang.System.Logger.Level;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Decisions that check servers remember, brought here when people ask for them. Thread-safe.
 *
 * <p>A check server is believed about workloads that it holds, and about no decision that another
 * one claims as well.
 */
public final class OtherDecisions {
  private static final System.Logger LOG = System.getLogger(OtherDecisions.class.getName());
  private static final int NAMED = 5;

  private final DecisionLog log;
  private final Function<Owner, @Nullable Workload> known;
  private volatile Elsewhere elsewhere = Elsewhere.NONE;

  /**
   * @param known the workload of an owner, or null
   */
  OtherDecisions(DecisionLog log, Function<Owner, @Nullable Workload> known) {
    this.log = log;
    this.known = known;
  }

  /** Asks there from now on. */
  public void ask(Elsewhere servers) {
    elsewhere = servers;
  }

  /**
   * A decision.
   *
   * @param server that decided; empty for this one
   */
  public record Found(CheckRecord decision, String server) {}

  /**
   * The latest.
   *
   * @param decisions newest first
   * @param asked how many check servers were
   * @param silent those that did not answer in time
   */
  public record Latest(List<Found> decisions, int asked, List<String> silent) {
    public Latest {
      decisions = List.copyOf(decisions);
      silent = List.copyOf(silent);
    }
  }

  /**
   * Finds a decision here or elsewhere, and remembers it here for a while.
   *
   * @return null when nobody was asked for it and it is not remembered here
   * @throws RefusedException when those who were asked do not know it, or more than one claims it
   */
  public @Nullable Found bring(String id) throws RefusedException, InterruptedException {
    var own = log.own(id);
    if (own != null) {
      return new Found(own, "");
    }
    if (!CheckRecordJson.ID.matcher(id).matches()) {
      return null;
    }
    var answers = elsewhere.ask(new Elsewhere.Question(id, null, false, 1));
    var found =
        answers.answers().stream()
            .flatMap(answer -> read(answer).stream())
            .filter(one -> one.decision().decisionId().equals(id))
            .toList();
    if (found.size() > 1) {
      throw RefusedException.precondition(
          "decision '"
              + id
              + "' is claimed by "
              + names(found.stream().map(Found::server).toList())
              + ", so not all of them tell the truth (its trace names the one that decided)");
    }
    if (found.size() == 1) {
      log.adopt(found.getFirst().decision());
      return found.getFirst();
    }
    if (answers.asked() == 0) {
      return null;
    }
    throw RefusedException.notFound(
        "decision '"
            + id
            + "' is not remembered, here or by "
            + (answers.asked() - answers.silent().size())
            + " check servers that follow this server"
            + silence(answers.silent())
            + "; one that follows another control server is asked there (with telemetry.otlp its"
            + " trace has the attribute "
            + SpanAttributes.DECISION_ID.getKey()
            + ")");
  }

  private static String silence(List<String> silent) {
    return silent.isEmpty() ? "" : "; did not answer within a second: " + names(silent);
  }

  private static String names(List<String> servers) {
    var more = servers.size() - NAMED;
    return servers.stream().limit(NAMED).collect(Collectors.joining(", "))
        + (more > 0 ? " and " + more + " more" : "");
  }

  /** The latest decisions of this server and of the others. */
  public Latest latest(Wanted wanted, int limit) throws RefusedException, InterruptedException {
    var all = new ArrayList<Found>();
    log.latest(wanted, limit).forEach(one -> all.add(new Found(one, "")));
    if (limit == 0) {
      return new Latest(all, 0, List.of());
    }
    var answers = elsewhere.ask(new Elsewhere.Question(null, wanted, limit, null));
    answers.answers().stream()
        .flatMap(answer -> read(answer).stream())
        .filter(one -> wanted.includes(one.decision())) // an older one knows no reason and time
        .forEach(all::add);
    return new Latest(
        all.stream()
            .sorted(Comparator.comparing((Found one) -> one.decision().time()).reversed())
            .limit(limit)
            .toList(),
        answers.asked(),
        answers.silent());
  }

  private List<Found> read(Elsewhere.Answer answer) {
    var found = new ArrayList<Found>();
    for (var text : answer.remembered().decisions()) {
      try {
        var decision = CheckRecordJson.read(text, known);
        var workload = decision.workload();
        if (workload != null && !answer.holds().test(workload.owner())) {
          throw new IllegalArgumentException("it does not hold " + workload.owner());
        }
        found.add(new Found(decision, answer.server()));
      } catch (IllegalArgumentException e) {
        LOG.log(
            Level.WARNING,
            () ->
                "a decision of a check server is not used: server="
                    + answer.server()
                    + " why="
                    + Untrusted.plain(String.valueOf(e.getMessage()), 200));
      }
    }
    return found;
  }

  /** What this server answers when it is asked so. */
  Elsewhere.Remembered answer(Elsewhere.Question question) {
    if (question.id() != null) {
      var own = log.own(question.id());
      return written(own == null ? List.of() : List.of(own), 0, 0);
    }
    if (question.from() == null) {
      return written(log.latest(question.wanted(), question.limit()), 0, 0);
    }
    var wanted = question.wanted();
    var tail = log.tail(question.from(), wanted.owner(), wanted.deniedOnly(), question.limit());
    return written(tail.decisions(), tail.next(), tail.missed());
  }

  private static Elsewhere.Remembered written(List<CheckRecord> decisions, long next, long missed) {
    return new Elsewhere.Remembered(
        decisions.stream().map(CheckRecordJson::write).toList(), next, missed);
  }

  /**
   * Follows what the other servers decide.
   *
   * @param owner null for every workload and for what is nobody's
   * @param last begin with so many of the latest of each
   * @param now of a server that comes later, what it decided since
   */
  public Follower follow(@Nullable Owner owner, boolean deniedOnly, int last, Instant now) {
    return new Follower(owner, deniedOnly, last, now);
  }

  /**
   * What the others decided since it was asked last.
   *
   * @param decisions oldest first
   * @param missed decisions that cannot be had any more, of any workload
   * @param silent check servers that did not answer in time, or that are too old to be followed
   */
  public record News(List<Found> decisions, long missed, List<String> silent) {
    public News {
      decisions = List.copyOf(decisions);
      silent = List.copyOf(silent);
    }
  }

  /** One who follows. Not thread-safe. */
  public final class Follower {
    private final @Nullable Owner owner;
    private final boolean deniedOnly;
    private final int last;
    private final Instant since;

    /** Where the log of each goes on. */
    private final Map<String, Long> places = new HashMap<>();

    private boolean begun;

    private Follower(@Nullable Owner owner, boolean deniedOnly, int last, Instant since) {
      this.owner = owner;
      this.deniedOnly = deniedOnly;
      this.last = last;
      this.since = since;
    }

    /**
     * What is new, after a second at most.
     *
     * @param most of each server, the latest
     * @throws RefusedException when too many ask already; nothing is lost then
     */
    public News next(int most) throws RefusedException, InterruptedException {
      var answers =
          elsewhere.follow(
              owner,
              server ->
                  new Elsewhere.Question(
                      null,
                      owner,
                      deniedOnly,
                      begun ? most : Math.max(1, last),
                      places.getOrDefault(server, 0L)));
      var found = new ArrayList<Found>();
      var silent = new ArrayList<>(answers.silent());
      var missed = 0L;
      for (var answer : answers.answers()) {
        var said = answer.remembered();
        if (said.next() < 1) {
          if (!said.decisions().isEmpty()) {
            silent.add(answer.server()); // older than places
          }
          continue;
        }
        var before = places.put(answer.server(), said.next());
        if (before != null && before > said.next()) {
          places.put(answer.server(), 0L); // it has started anew
        } else if (before != null) {
          missed += Math.max(0, said.missed());
          found.addAll(read(answer));
        } else if (begun) {
          read(answer).stream()
              .filter(one -> !one.decision().time().isBefore(since))
              .forEach(found::add);
        } else if (last > 0) {
          found.addAll(read(answer));
        }
      }
      begun = true;
      found.sort(Comparator.comparing(one -> one.decision().time()));
      silent.sort(Comparator.naturalOrder());
      return new News(found, missed, silent);
    }
  }
}
