package io.kith.server.admin;

import static io.kith.server.admin.Requests.ownerOrAll;

import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.ServerCallStreamObserver;
import io.kith.admin.v1.TailDecisionsRequest;
import io.kith.admin.v1.TailDecisionsResponse;
import io.kith.server.control.ControlState;
import io.kith.server.control.DecisionTail;
import io.kith.server.control.OtherDecisions;
import io.kith.server.control.OtherDecisions.Found;
import io.kith.server.control.RefusedException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * Callers that follow the decisions. Each has a thread of its own that looks at the log of
 * decisions now and then, so nothing waits for a caller and nothing piles up for one.
 */
final class DecisionStreams {
  private static final int MAX_STREAMS = 32;
  private static final int MAX_DECISIONS = 1_000;
  private static final Duration PAUSE = Duration.ofMillis(100);

  /** Check servers are asked less often: each time all of them are. */
  private static final int PAUSES_OF_OTHERS = 10;

  /** Who calls is asked again as seldom. */
  private static final int PAUSES_OF_CALLER = 10;

  private final ControlState state;
  private final Semaphore free = new Semaphore(MAX_STREAMS);

  DecisionStreams(ControlState state) {
    this.state = state;
  }

  /** Follows until the caller hangs up, or is not recognized any more. */
  void start(TailDecisionsRequest request, ServerCallStreamObserver<TailDecisionsResponse> caller) {
    if (!free.tryAcquire()) {
      caller.onError(
          Status.RESOURCE_EXHAUSTED
              .withDescription(
                  MAX_STREAMS + " callers follow the decisions already (end one of them)")
              .asRuntimeException());
      return;
    }
    var again = Caller.Interceptor.again();
    caller.setOnCancelHandler(() -> {}); // the thread looks for itself; without it onNext throws
    Thread.ofVirtual()
        .name("kith-tail")
        .start(
            () -> {
              try {
                Requests.stream(caller, () -> follow(request, caller, again));
              } finally {
                free.release();
              }
            });
  }

  private void follow(
      TailDecisionsRequest request,
      ServerCallStreamObserver<TailDecisionsResponse> caller,
      Caller.Again again)
      throws RefusedException, StatusException, InterruptedException {
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
    var edges = request.getEvery() ? null : new ShownEdges();
    var tail = state.decisionsFrom(0, owner, request.getDeniedOnly(), request.getLast());
    var others =
        state.others().follow(owner, request.getDeniedOnly(), request.getLast(), Instant.now());
    var silent = new ArrayList<String>();
    var first = new ArrayList<>(own(tail));
    first.addAll(others(others, silent, caller));
    first.sort(Comparator.comparing(one -> one.decision().time()));
    var surplus = Math.max(0, first.size() - request.getLast());
    send(caller, first.subList(surplus, first.size()), 0, edges);
    for (var pauses = 1; !caller.isCancelled(); pauses++) {
      Thread.sleep(PAUSE);
      if (pauses % PAUSES_OF_CALLER == 0) {
        again.requireKnown();
      }
      if (caller.isReady()) {
        tail = state.decisionsFrom(tail.next(), owner, request.getDeniedOnly(), MAX_DECISIONS);
        send(caller, own(tail), tail.missed(), edges);
        if (pauses % PAUSES_OF_OTHERS == 0) {
          send(caller, others(others, silent, caller), 0, edges);
        }
      }
    }
  }

  private static List<Found> own(DecisionTail tail) {
    return tail.decisions().stream().map(one -> new Found(one, "")).toList();
  }

  /**
   * What check servers decided meanwhile; says how much of it is lost, and who is silent when that
   * changes.
   */
  private static List<Found> others(
      OtherDecisions.Follower others,
      List<String> silent,
      ServerCallStreamObserver<TailDecisionsResponse> caller)
      throws InterruptedException {
    try {
      var news = others.next(MAX_DECISIONS);
      var message = TailDecisionsResponse.newBuilder().setMissed(news.missed());
      if (!news.silent().equals(silent)) {
        silent.clear();
        silent.addAll(news.silent());
        message.addAllUnanswered(silent).setAllAnswer(silent.isEmpty());
      }
      if (!message.build().equals(TailDecisionsResponse.getDefaultInstance())) {
        caller.onNext(message.build());
      }
      return news.decisions();
    } catch (RefusedException _) {
      return List.of(); // too many ask: it all comes the next time
    }
  }

  private void send(
      ServerCallStreamObserver<TailDecisionsResponse> caller,
      List<Found> decisions,
      long missed,
      @Nullable ShownEdges edges) {
    var message = TailDecisionsResponse.newBuilder().setMissed(missed);
    for (var one : decisions) {
      var decision =
          DecisionMessages.of(one.decision(), state).toBuilder().setServer(one.server()).build();
      if (edges == null || edges.isNew(decision)) {
        message.addDecisions(decision);
      }
    }
    if (message.getDecisionsCount() > 0 || missed > 0) {
      caller.onNext(message.build());
    }
  }
}
