package io.kith.server.control;

import io.kith.baselines.identity.Owner;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Who remembers decisions of other servers: port to the check servers that follow this one. */
public interface Elsewhere {
  /** There is nobody else. */
  Elsewhere NONE = _ -> new Answers(List.of(), 0, List.of());

  /**
   * What is asked.
   *
   * @param id of a decision, or null for the latest
   * @param owner null for every workload and for what is nobody's
   * @param limit from 1
   */
  record Question(@Nullable String id, @Nullable Owner owner, boolean deniedOnly, int limit) {
    public Question {
      if (limit < 1) {
        throw new IllegalArgumentException("limit: " + limit + " (expected: from 1)");
      }
    }
  }

  /**
   * What one of them says.
   *
   * @param server its name
   * @param holds whether it held a workload at some time since it follows
   * @param decisions as JSON, newest first; whatever it sent
   */
  record Answer(String server, Predicate<Owner> holds, List<String> decisions) {
    public Answer {
      decisions = List.copyOf(decisions);
    }
  }

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
   * Asks all of them, and waits a second at most.
   *
   * @throws RefusedException when too many ask already
   */
  Answers ask(Question question) throws RefusedException, InterruptedException;
}
