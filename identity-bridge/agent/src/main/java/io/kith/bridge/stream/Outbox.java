package io.kith.bridge.stream;

import io.grpc.stub.ClientCallStreamObserver;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.bridge.guard.GuardEvent;
import io.kith.bridge.v1.BridgeMessage;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What waits to be sent on one stream, while the server reads slowly.
 *
 * <p>Of pods, of the status and of the guard's report only the newest waits, since each replaces
 * the one before. Answers wait in order up to a limit; beyond it the oldest is dropped, for which
 * the server has stopped waiting by then. What is said of revocations waits likewise; the server
 * says again on the next stream what it heard nothing of. A fingerprint is sent once per stream,
 * right before the first answer that is sent and names it. The names that pods heard are taken from
 * memory whenever something is sent: those that were heard until an answer was given go before it,
 * since the server judges by them what it asked for, others last. Thread-safe.
 */
final class Outbox {
  private static final int MAX_ANSWERS = 10_000; // as many questions may a server ask at a time
  private static final int MAX_DONE = 1_000; // of up to 1,024 connections each

  private static final int NAMES_AT_ONCE = 256;

  private final ClientCallStreamObserver<BridgeMessage> call;
  private final GuardView guard;
  private final Set<String> sent = new HashSet<>(); // guarded by this
  private final Deque<Reply> replies = new ArrayDeque<>(); // guarded by this
  private final Deque<BridgeMessage> done = new ArrayDeque<>(); // guarded by this
  private @Nullable BridgeMessage pods; // guarded by this
  private @Nullable BridgeMessage status; // guarded by this
  private @Nullable BridgeMessage openers; // guarded by this
  private @Nullable Report report; // guarded by this
  private boolean podsSent; // guarded by this
  private long namesSent; // the number of the latest; guarded by this
  private boolean ended; // guarded by this
  private long dropped; // guarded by this

  private record Reply(long queryId, NodeView.Answer answer, long latestName) {}

  private record Report(BridgeMessage message, List<GuardEvent> events) {}

  /**
   * @param guard remembers the names
   */
  Outbox(ClientCallStreamObserver<BridgeMessage> call, GuardView guard) {
    this.call = call;
    this.guard = guard;
  }

  /** At once, before everything else. */
  synchronized void first(BridgeMessage hello) {
    send(hello);
  }

  synchronized void pods(BridgeMessage message) {
    pods = message;
    flush();
  }

  synchronized void status(BridgeMessage message) {
    status = message;
    flush();
  }

  synchronized void openers(BridgeMessage message) {
    openers = message;
    flush();
  }

  /** What the guard did, of which the events name fingerprints. */
  synchronized void report(BridgeMessage message, List<GuardEvent> events) {
    report = new Report(message, List.copyOf(events));
    flush();
  }

  /** A revocation was done. */
  synchronized void done(BridgeMessage message) {
    if (done.size() == MAX_DONE) {
      done.removeFirst();
    }
    done.addLast(message);
    flush();
  }

  synchronized void answer(long queryId, NodeView.Answer answer) {
    if (replies.size() == MAX_ANSWERS) {
      replies.removeFirst();
      dropped++;
    }
    replies.addLast(new Reply(queryId, answer, guard.latestName()));
    flush();
  }

  /** Sends what waits, as far as the server takes it. Called too when it takes more again. */
  synchronized void flush() {
    var latestName = guard.latestName(); // later ones have their own turn: this comes to an end
    while (!ended && call.isReady()) {
      if (pods != null) {
        send(pods);
        pods = null;
        podsSent = true;
      } else if (openers != null) {
        send(openers); // an answer may say what is in it
        openers = null;
      } else if (!replies.isEmpty() && lacksNames(replies.getFirst().latestName())) {
        names();
      } else if (!replies.isEmpty()) {
        send(replies.removeFirst());
      } else if (!done.isEmpty()) {
        send(done.removeFirst());
      } else if (status != null) {
        send(status);
        status = null;
      } else if (report != null) {
        send(report);
        report = null;
      } else if (lacksNames(latestName)) {
        names();
      } else {
        return;
      }
    }
  }

  /** Not before the pods, with which the server takes over what an earlier bridge heard. */
  private boolean lacksNames(long latest) {
    return podsSent && latest > namesSent;
  }

  private void names() {
    var latest = guard.latestName();
    var facts = guard.namesAfter(namesSent, NAMES_AT_ONCE);
    if (facts.isEmpty()) {
      namesSent = latest; // what there was counts no more
    } else {
      namesSent = facts.getLast().number();
      send(GuardMessages.names(facts));
    }
  }

  private void send(Reply reply) {
    for (var candidate : reply.answer().candidates()) {
      fingerprint(candidate.fingerprintId(), candidate.fingerprint());
    }
    send(Messages.answer(reply.queryId(), reply.answer()));
  }

  private void send(Report guarded) {
    for (var event : guarded.events()) {
      var fingerprint = event.fingerprint();
      if (fingerprint != null) {
        fingerprint(event.fingerprintId(), fingerprint);
      }
    }
    send(guarded.message());
  }

  private void fingerprint(String id, ProcessFingerprint fingerprint) {
    if (sent.add(id)) {
      send(Messages.fingerprint(id, fingerprint));
    }
  }

  private void send(BridgeMessage message) {
    if (!ended) {
      call.onNext(message);
    }
  }

  /** How many answers were given up. */
  synchronized long dropped() {
    return dropped;
  }

  /** Nothing is sent any more. */
  synchronized void end() {
    ended = true;
    replies.clear();
    done.clear();
  }
}
