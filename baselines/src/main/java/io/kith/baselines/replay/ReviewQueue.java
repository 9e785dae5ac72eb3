package io.kith.baselines.replay;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.replay.ReviewAnswer.Subject;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/*
 * An answer knows less than an item: nothing of the user, the ancestors or the protocol. So it
 * answers one item, or the edge that was approved without a question; the same program under
 * another user is another question.
 */
/** Questions to a person, one per edge, and the answers on their way. Bounded per workload. */
final class ReviewQueue {
  private static final int MAX_PER_WORKLOAD = 1_024;

  private final Map<Subject, ReviewAnswer> answers = new HashMap<>();
  private final PriorityQueue<Due> due =
      new PriorityQueue<>(Comparator.comparing(Due::at).thenComparing(d -> d.item.id));

  /** What a person is asked: may this class of this workload go there? */
  static final class Item {
    final String id;
    final ReplayedWorkload workload;
    final ProcessClass process;
    final DestinationPattern destination;
    private boolean answered;
    private boolean approved;

    private Item(
        String id, ReplayedWorkload workload, ProcessClass process, DestinationPattern pattern) {
      this.id = id;
      this.workload = workload;
      this.process = process;
      this.destination = pattern;
    }

    boolean isApproved() {
      return approved;
    }
  }

  private record Due(Instant at, Item item, boolean approve) {}

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
      ReplayedWorkload workload,
      ProcessClass process,
      DestinationPattern destination,
      @Nullable Subject subject,
      boolean again,
      String id,
      Instant now) {
    var items = workload.reviews();
    var item = items.get(id);
    if (item == null) {
      if (items.size() >= MAX_PER_WORKLOAD) {
        return null;
      }
      item = new Item(id, workload, process, destination);
      items.put(id, item);
    }
    var answer = item.answered || subject == null ? null : answers.get(subject);
    if (answer != null && (again || workload.settled().add(answer.subject()))) {
      item.answered = true;
      due.add(new Due(now.plusMillis((long) (answer.after() * 1_000)), item, answer.approve()));
    }
    return item;
  }

  /** The items whose approval has arrived. */
  List<Item> approvedBy(Instant now) {
    if (due.isEmpty() || due.peek().at.isAfter(now)) {
      return List.of();
    }
    var approved = new ArrayList<Item>();
    while (!due.isEmpty() && !due.peek().at.isAfter(now)) {
      var arrived = due.remove();
      if (arrived.approve) {
        arrived.item.approved = true;
        approved.add(arrived.item);
      }
    }
    return approved;
  }
}
