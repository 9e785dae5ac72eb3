package io.kith.baselines.replay;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.replay.ReviewAnswer.Subject;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/*
 * An answer knows less than an item: nothing of the user, the ancestors or the protocol. So it
 * answers one item, or the edge that was approved without a question; the same program under
 * another user is another question.
 */
/** Questions to a person, one per edge, and the answers on their way. Bounded per workload. */
final class ReviewQueue {
  private static final int MAX_PER_WORKLOAD = 1_024;

  /** Open questions about one class; more of them share one, since that is a scan. */
  private static final int MAX_PER_CLASS = 4;

  private final Map<Subject, ReviewAnswer> answers = new HashMap<>();
  private final PriorityQueue<Due> due =
      new PriorityQueue<>(Comparator.comparing(Due::at).thenComparing(d -> d.item.id));

  /** A question that was asked. */
  static final class Item {
    final String id;
    private final Set<Subject> awaited = new HashSet<>();
    private boolean approved;

    private Item(String id) {
      this.id = id;
    }

    boolean isApproved() {
      return approved;
    }
  }

  /** What a person is asked: may this class of this workload go there? */
  record Question(
      ReplayedWorkload workload, ProcessClass process, DestinationPattern destination) {}

  private record Due(Instant at, Item item, Question question, Subject subject, boolean approve) {}

  void add(ReviewAnswer answer) {
    answers.putIfAbsent(answer.subject(), answer);
  }

  /**
   * The item of an edge, opened now if there was none.
   *
   * @param subject one flow of it, by which an answer finds it
   * @param again a new version asks anew what was answered before
   * @return null when the workload has too many open items
   */
  @Nullable Item open(
      Question question, @Nullable Subject subject, boolean again, String edge, Instant now) {
    var workload = question.workload;
    var items = workload.reviews();
    var id = "r:" + edge;
    var item = items.get(id);
    if (item == null) {
      if (workload.asked(question.process) >= MAX_PER_CLASS) {
        id = "r:" + workload.owner() + ":" + question.process.words() + ":others";
        item = items.get(id);
      }
      if (item == null) {
        if (items.size() >= MAX_PER_WORKLOAD) {
          return null;
        }
        item = new Item(id);
        items.put(id, item);
        workload.ask(question.process);
      }
    }
    var answer = subject == null ? null : answers.get(subject);
    if (subject != null
        && answer != null
        && (workload.settled().add(subject) || again)
        && !item.approved
        && item.awaited.add(subject)) {
      due.add(
          new Due(
              now.plusMillis((long) (answer.after() * 1_000)),
              item,
              question,
              subject,
              answer.approve()));
    }
    return item;
  }

  /** The questions whose approval has arrived. */
  List<Question> approvedBy(Instant now) {
    if (due.isEmpty() || due.peek().at.isAfter(now)) {
      return List.of();
    }
    var approved = new ArrayList<Question>();
    while (!due.isEmpty() && !due.peek().at.isAfter(now)) {
      var arrived = due.remove();
      arrived.item.awaited.remove(arrived.subject);
      if (arrived.approve) {
        arrived.item.approved = !arrived.item.id.endsWith(":others");
        arrived.question.workload.answered(arrived.question.process);
        approved.add(arrived.question);
      }
    }
    return approved;
  }
}
