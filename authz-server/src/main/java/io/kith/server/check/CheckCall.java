package io.kith.server.check;

import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.Status;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.Workload;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A Check that has no answer yet, and gets exactly one: result, time-out and failure race for it.
 *
 * <p>What is found out about it is set by the thread that reads it, before any other sees it.
 */
final class CheckCall {
  private final ServerCall<CheckMessage, byte[]> call;
  private final AtomicBoolean claimed = new AtomicBoolean();

  final CheckMetadata metadata;
  final Peer peer;
  final long startedNanos;
  final long deadlineNanos;

  CheckMessage request = CheckMessage.UNREADABLE;
  @Nullable CheckFacts facts;
  @Nullable SpiffeId reporter;
  @Nullable Workload workload;
  @Nullable Snapshot snapshot;
  @Nullable KnownConnection known;
  volatile @Nullable CheckRecord given;
  Instant read = Instant.MIN;
  long readNanos;
  boolean waiting;
  long askedNanos;
  private boolean sending;

  /**
   * @param startedNanos now, by {@link System#nanoTime}
   * @param budgetNanos time until it must be answered, from then
   */
  CheckCall(
      ServerCall<CheckMessage, byte[]> call,
      Metadata headers,
      long startedNanos,
      long budgetNanos) {
    this.call = call;
    this.metadata = CheckMetadata.of(headers);
    this.peer = Peer.of(call.getAttributes());
    this.startedNanos = startedNanos;
    this.readNanos = startedNanos;
    this.deadlineNanos = startedNanos + budgetNanos;
  }

  /** The right to answer; true once. */
  boolean claim() {
    return claimed.compareAndSet(false, true);
  }

  boolean isClaimed() {
    return claimed.get();
  }

  boolean isHttp() {
    return request.hasHttp;
  }

  /** The caller's place in a trace, or null. Envoy's network filter hands on none. */
  @Nullable TraceParent parent() {
    return isHttp() ? TraceParent.parse(metadata.traceParent()) : null;
  }

  /**
   * Sends the answer and ends the RPC well; a verdict never travels as an RPC's failure. Nothing is
   * sent to a caller that went away.
   */
  void send(byte[] response) {
    sending = true;
    if (call.isCancelled()) {
      return;
    }
    call.sendHeaders(new Metadata());
    call.sendMessage(response);
    call.close(Status.OK, new Metadata());
  }

  /** Denies when not even an answer could be made; does nothing when one was begun. */
  void sendLastResort() {
    if (!sending) {
      send(CheckAnswers.LAST_RESORT);
    }
  }
}
