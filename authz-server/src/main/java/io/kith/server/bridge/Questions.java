package io.kith.server.bridge;

import com.google.protobuf.ByteString;
import io.kith.baselines.process.Attribution;
import io.kith.bridge.v1.Protocol;
import io.kith.bridge.v1.Query;
import io.kith.bridge.v1.ServerMessage;
import io.kith.server.check.Deadlines;
import io.kith.server.check.SocketQuery;
import java.time.Duration;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What one stream of a bridge was asked and has not answered: questions that wait, and some whose
 * time is up. Thread-safe.
 */
final class Questions {
  /** Questions that may wait at a time. */
  static final int MAX_WAITING = 10_000;

  /** Questions whose time is up that are remembered, the latest. */
  static final int MAX_OVERDUE = 1_000;

  /** So long after its time an answer is still of use. */
  static final Duration OVERDUE = Duration.ofSeconds(10);

  private final String node;
  private final BridgeHub.Counts counts;
  private final AtomicLong nextId = new AtomicLong();
  private final Map<Long, Question> waiting = new ConcurrentHashMap<>();
  private final Map<Long, Question> overdue =
      Collections.synchronizedMap(
          new LinkedHashMap<>() {
            @Override
            protected boolean removeEldestEntry(Map.Entry<Long, Question> eldest) {
              return size() > MAX_OVERDUE;
            }
          });

  Questions(String node, BridgeHub.Counts counts) {
    this.node = node;
    this.counts = counts;
  }

  int size() {
    return waiting.size();
  }

  Collection<Question> waiting() {
    return waiting.values();
  }

  /** A question that waits from now on. */
  Question add(SocketQuery query, RegisteredPod pod, Consumer<Attribution> late) {
    var question = new Question(nextId.incrementAndGet(), query, pod, late);
    waiting.put(question.id, question);
    return question;
  }

  /** The question that an answer is for, or null when it is not remembered. */
  @Nullable Question find(long id) {
    var question = waiting.get(id);
    if (question != null) {
      return question;
    }
    counts.late();
    var known = overdue.remove(id);
    return known == null || known.isForgotten() ? null : known;
  }

  /** A question and who waits for its answer. */
  final class Question implements Deadlines.Entry {
    private final long id;
    private final SocketQuery query;
    private final RegisteredPod pod;
    private final Consumer<Attribution> late;
    private final long askedNanos = System.nanoTime();
    private final long deadlineNanos;
    private final CompletableFuture<Attribution> answer = new CompletableFuture<>();

    private Question(long id, SocketQuery query, RegisteredPod pod, Consumer<Attribution> late) {
      this.id = id;
      this.query = query;
      this.pod = pod;
      this.late = late;
      this.deadlineNanos = askedNanos + query.timeout().toNanos();
    }

    SocketQuery query() {
      return query;
    }

    RegisteredPod pod() {
      return pod;
    }

    /** Before the bridge looked, by {@link System#nanoTime}. */
    long askedNanos() {
      return askedNanos;
    }

    /** The same, to be asked of another in the time that is left. */
    SocketQuery rest() {
      return query.until(deadlineNanos);
    }

    CompletableFuture<Attribution> answer() {
      return answer;
    }

    /** At most 60 octets, so that all that may wait are less than what may wait in the stream. */
    ServerMessage message() {
      return ServerMessage.newBuilder()
          .setQuery(
              Query.newBuilder()
                  .setId(id)
                  .setProtocol(
                      switch (query.protocol()) {
                        case TCP -> Protocol.PROTOCOL_TCP;
                        case UDP -> Protocol.PROTOCOL_UDP;
                      })
                  .setSourceAddress(ByteString.copyFrom(query.source().address().bytes()))
                  .setSourcePort(query.source().port())
                  .setDestinationAddress(ByteString.copyFrom(query.destination().address().bytes()))
                  .setDestinationPort(query.destination().port())
                  .setTimeoutMillis((int) Math.max(1, query.timeout().toMillis())))
          .build();
    }

    /** Waits no more; true once. */
    boolean withdraw() {
      return waiting.remove(id, this);
    }

    /** Tells who waits, or who has waited when the time is up. */
    void give(Attribution attribution) {
      waiting.remove(id);
      if (!answer.complete(attribution)) {
        late.accept(attribution);
      }
    }

    private boolean isForgotten() {
      return System.nanoTime() - deadlineNanos > OVERDUE.toNanos();
    }

    @Override
    public long deadlineNanos() {
      return deadlineNanos;
    }

    @Override
    public boolean isDone() {
      return answer.isDone();
    }

    @Override
    public void expire() {
      // Found in one map or the other at any moment, and no more waiting once the asker is told.
      overdue.put(id, this);
      if (!withdraw()) {
        overdue.remove(id);
        return;
      }
      counts.timedOut();
      answer.complete(
          new Attribution.BridgeUnavailable(
              "the bridge of "
                  + node
                  + " did not answer within "
                  + query.timeout().toMillis()
                  + " ms"));
    }
  }
}
