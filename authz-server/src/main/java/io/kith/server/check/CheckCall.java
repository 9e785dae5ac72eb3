package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Reason;
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
public abstract class CheckCall {
  private final AtomicBoolean claimed = new AtomicBoolean();

  final CheckMetadata metadata;
  final Peer peer;
  final Sidecars.Connection connection;
  final long startedNanos;
  final long timeoutNanos;
  long deadlineNanos;

  boolean http;
  @Nullable Reason refused;
  @Nullable CheckFacts facts;
  @Nullable SpiffeId reporter;
  @Nullable Workload workload;
  @Nullable Snapshot snapshot;
  @Nullable KnownConnection known;
  volatile @Nullable CheckRecord given;
  Instant read = Instant.EPOCH;
  long readNanos;
  boolean waiting;
  long askedNanos;
  private boolean sending;

  /**
   * A call that begins now.
   *
   * @param connection of the caller, for all its calls
   * @param timeoutNanos what its caller gives it; {@link Long#MAX_VALUE} when it does not say
   */
  protected CheckCall(
      CheckMetadata metadata, Peer peer, Sidecars.Connection connection, long timeoutNanos) {
    this.metadata = requireNonNull(metadata, "metadata");
    this.peer = requireNonNull(peer, "peer");
    this.connection = requireNonNull(connection, "connection");
    this.timeoutNanos = timeoutNanos;
    this.startedNanos = System.nanoTime();
    this.readNanos = startedNanos;
    this.deadlineNanos = Long.MAX_VALUE;
  }

  /**
   * Sends the answer, once and on any thread, and ends the RPC well; nothing to a caller that went
   * away.
   *
   * @param response a CheckResponse, encoded
   */
  protected abstract void deliver(byte[] response);

  /** What its caller sent beside the message. */
  protected final CheckMetadata metadata() {
    return metadata;
  }

  /** When it began, as {@link System#nanoTime}. */
  public final long startedNanos() {
    return startedNanos;
  }

  /** The right to answer; true once. */
  boolean claim() {
    return claimed.compareAndSet(false, true);
  }

  boolean isClaimed() {
    return claimed.get();
  }

  boolean isHttp() {
    return http;
  }

  /** The caller's place in a trace, or null. Envoy's network filter hands on none. */
  @Nullable TraceParent parent() {
    return isHttp() ? TraceParent.parse(metadata.traceParent(), metadata.traceState()) : null;
  }

  /** Sends the answer; a verdict never travels as an RPC's failure. */
  void send(byte[] response) {
    sending = true;
    deliver(response);
  }

  /** Denies when not even an answer could be made; does nothing when one was begun. */
  void sendLastResort() {
    if (!sending) {
      send(CheckAnswers.LAST_RESORT);
    }
  }
}
