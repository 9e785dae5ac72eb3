package io.kith.server.control;

import io.kith.baselines.identity.Owner;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Who remembers decisions of other servers: port to the check servers that follow this one. */
public interface Elsewhere {
  /** There is nobody else. */
  Elsewhere NONE = (_, _) -> new Answers(List.of(), 0, List.of());

  /**
   * What is asked.
   *
   * @param id of a decision, or null for the latest
   * @param wanted which of the latest
   * @param limit from 1
   * @param from place in the log after which they came, oldest first, and then the latest of more
   *     than the limit; null: newest first
   */
  record Question(@Nullable String id, Wanted wanted, int limit, @Nullable Long from) {
    public Question {
      if (limit < 1) {
        throw new IllegalArgumentException("limit: " + limit + " (expected: from 1)");
      }
    }

    /** For the latest, or one. */
    public Question(@Nullable String id, @Nullable Owner owner, boolean deniedOnly, int limit) {
      this(id, new Wanted(owner, deniedOnly), limit, null);
    }

    /** The same from a place on. */
    public Question(
        @Nullable String id,
        @Nullable Owner owner,
        boolean deniedOnly,
        int limit,
        @Nullable Long from) {
      this(id, new Wanted(owner, deniedOnly), limit, from);
    }
  }

  /**
   * Decisions that a server remembers.
   *
   * @param decisions as JSON, in the order that was asked for; whatever it sent
   * @param next where its log goes on, to a question with a place: from 1; 0 when it does not say
   * @param missed decisions behind that place that it has forgotten, or that were beyond the limit
   */
  record Remembered(List<String> decisions, long next, long missed) {
    public Remembered {
      decisions = List.copyOf(decisions);
    }
  }

  /**
   * What one of them says.
   *
   * @param server its name
   * @param holds whether it held a workload at some time since it follows
   */
  record Answer(String server, Predicate<Owner> holds, Remembered remembered) {}

  /**
   * What all of them say.
   *
   * @param asked how many were
   * @param silent those that did not answer in time
   */
  record Answers(List<Answer> answers, int asked, List<String> silent) {
    public Answers {
      answers = List.copyOf(answers);
      silent = List.copyOf(silent);
    }
  }

  /**
   * Asks all of them for one who follows, and waits a second at most.
   *
   * @param owner only those that held this workload; null for all
   * @param question for each, by its name
   * @throws RefusedException when too many who follow ask already
   */
  Answers follow(@Nullable Owner owner, Function<String, Question> question)
      throws RefusedException, InterruptedException;

  /**
   * Asks all of them the same, once. Of a workload only those that held it.
   *
   * @throws RefusedException when too many ask already; those who follow do not count
   */
  default Answers ask(Question question) throws RefusedException, InterruptedException {
    return follow(question.wanted().owner(), _ -> question);
  }
}
