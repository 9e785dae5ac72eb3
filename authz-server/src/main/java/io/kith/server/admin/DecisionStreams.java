package io.kith.server.admin;

import static io.kith.server.admin.Requests.ownerOrAll;

import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.TailDecisionsRequest;
import io.kith.admin.v1.TailDecisionsResponse;
import io.kith.baselines.identity.Owner;
import io.kith.server.control.ControlState;
import io.kith.server.control.DecisionTail;
import io.kith.server.control.RefusedException;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * Callers that follow the decisions. Each has a thread of its own that looks at the log of
 * decisions now and then, so nothing waits for a caller and nothing piles up for one.
 */
final class DecisionStreams {
  private static final int MAX_STREAMS = 32;
  private static final int MAX_DECISIONS = 1_000;
  private static final int EDGES_REMEMBERED = 10_000;
  private static final Duration PAUSE = Duration.ofMillis(100);

  private final ControlState state;
  private final Semaphore free = new Semaphore(MAX_STREAMS);

  DecisionStreams(ControlState state) {
    this.state = state;
  }

  /** Follows until the caller hangs up. */
  void start(TailDecisionsRequest request, ServerCallStreamObserver<TailDecisionsResponse> caller) {
    if (!free.tryAcquire()) {
      caller.onError(
          Status.RESOURCE_EXHAUSTED
              .withDescription(
                  MAX_STREAMS + " callers follow the decisions already (end one of them)")
              .asRuntimeException());
      return;
    }
    caller.setOnCancelHandler(() -> {}); // the thread looks for itself; without it onNext throws
    Thread.ofVirtual()
        .name("kith-tail")
        .start(
            () -> {
              try {
                Requests.stream(caller, () -> follow(request, caller));
              } finally {
                free.release();
              }
            });
  }

  private void follow(
      TailDecisionsRequest request, ServerCallStreamObserver<TailDecisionsResponse> caller)
      throws RefusedException, InterruptedException {
    var owner = ownerOrAll(request.getOwner());
    if (request.getLast() < 0 || request.getLast() > MAX_DECISIONS) {
      throw RefusedException.invalid(
          "last: "
              + Integer.toUnsignedString(request.getLast())
              + " (expected: 0 to "
              + MAX_DECISIONS
              + ")");
    }
    state.flush();
    var edges = request.getEvery() ? null : new LinkedHashSet<String>();
    var tail = state.decisionsFrom(0, owner, request.getDeniedOnly(), request.getLast());
    send(caller, tail, 0, edges);
    while (!caller.isCancelled()) {
      Thread.sleep(PAUSE);
      if (caller.isReady()) {
        tail = next(request, owner, tail.next());
        send(caller, tail, tail.missed(), edges);
      }
    }
  }

  private DecisionTail next(TailDecisionsRequest request, @Nullable Owner owner, long from)
      throws RefusedException {
    return state.decisionsFrom(from, owner, request.getDeniedOnly(), MAX_DECISIONS);
  }

  private void send(
      ServerCallStreamObserver<TailDecisionsResponse> caller,
      DecisionTail tail,
      long missed,
      @Nullable Set<String> edges) {
    var message = TailDecisionsResponse.newBuilder().setMissed(missed);
    for (var one : tail.decisions()) {
      var decision = DecisionMessages.of(one, state);
      if (edges == null || isNew(decision, edges)) {
        message.addDecisions(decision);
      }
    }
    if (message.getDecisionsCount() > 0 || missed > 0) {
      caller.onNext(message.build());
    }
  }

  private static boolean isNew(DecisionRecord decision, Set<String> edges) {
    if (edges.size() >= EDGES_REMEMBERED) {
      edges.remove(edges.iterator().next()); // the oldest; it may come again
    }
    return edges.add(
        String.join(
            "\0",
            decision.getOwner(),
            decision.getProcess(),
            decision.getDestination(),
            Integer.toString(decision.getPort()),
            decision.getVerdict(),
            decision.getShadowVerdict(),
            decision.getReason()));
  }
}
