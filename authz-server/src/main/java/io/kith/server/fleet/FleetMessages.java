package io.kith.server.fleet;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.store.Change;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedPart;
import io.kith.control.v1.NodeBridge;
import io.kith.control.v1.Sidecar;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Sidecars;
import io.kith.server.check.Untrusted;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.regex.Pattern;

/** Entries and learned parts as messages. */
final class FleetMessages {
  static final int PROTOCOL_VERSION = 1;

  /** Sidecars in a report. */
  static final int MAX_SIDECARS = 1_000;

  /** Bridges in a report. */
  static final int MAX_BRIDGES = 1_000;

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,200}");
  private static final int MAX_REPLICA = 253;
  private static final long LONG_AGO = Duration.ofDays(365).toMillis();

  private FleetMessages() {}

  /**
   * The name under which the parts of a check server are kept.
   *
   * @param name that it gives itself
   * @throws IllegalArgumentException when it may not be called that
   */
  static String replica(SpiffeId id, String name) {
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "name: not 1 to 200 letters, digits, dots, hyphens and underscores (see store.replica)");
    }
    var replica = id + "#" + name; // no SPIFFE ID has this character
    if (replica.length() > MAX_REPLICA) {
      throw new IllegalArgumentException(
          "name: '"
              + replica
              + "' is too long (expected: up to "
              + MAX_REPLICA
              + " characters, with the SPIFFE ID; see store.replica)");
    }
    return replica;
  }

  static Sidecar message(Sidecars.State state, Instant now) {
    return Sidecar.newBuilder()
        .setPod(state.pod().toString())
        .setOpen(state.open())
        .setAskedMillisAgo(Math.max(0, Duration.between(state.asked(), now).toMillis()))
        .setChangedMillisAgo(Math.max(0, Duration.between(state.changed(), now).toMillis()))
        .build();
  }

  /**
   * Reads what a sidecar said.
   *
   * @throws IllegalArgumentException when its address is none
   */
  static Sidecars.State state(Sidecar message, Instant now) {
    return new Sidecars.State(
        IpAddress.parse(message.getPod()),
        message.getOpen(),
        ago(message.getAskedMillisAgo(), now),
        ago(message.getChangedMillisAgo(), now));
  }

  static NodeBridge message(NodeBridges.State state, Instant now) {
    return NodeBridge.newBuilder()
        .setNode(state.node())
        .setProblem(state.problem())
        .setHeardMillisAgo(Math.max(0, Duration.between(state.heard(), now).toMillis()))
        .build();
  }

  /**
   * Reads what a bridge said.
   *
   * @throws IllegalArgumentException when it is of no node
   */
  static NodeBridges.State state(NodeBridge message, Instant now) {
    return new NodeBridges.State(
        message.getNode(),
        Untrusted.plain(message.getProblem(), 500),
        ago(message.getHeardMillisAgo(), now));
  }

  private static Instant ago(long millis, Instant now) {
    return now.minusMillis(millis < 0 || millis > LONG_AGO ? LONG_AGO : millis);
  }

  static io.kith.control.v1.Entry message(Entry entry) {
    var change = entry.change();
    return io.kith.control.v1.Entry.newBuilder()
        .setPosition(entry.position())
        .setAt(change.at().toString())
        .setAuthor(change.author())
        .setNote(change.note())
        .setKind(change.kind())
        .setSubject(change.subject())
        .setBody(change.body())
        .setSeal(entry.seal())
        .build();
  }

  /**
   * Reads an entry.
   *
   * @throws IllegalArgumentException when it is none
   */
  static Entry entry(io.kith.control.v1.Entry message) {
    try {
      return new Entry(
          message.getPosition(),
          new Change(
              Instant.parse(message.getAt()),
              message.getAuthor(),
              message.getNote(),
              message.getKind(),
              message.getSubject(),
              message.getBody()),
          message.getSeal());
    } catch (DateTimeException e) {
      throw new IllegalArgumentException("at: no time: " + e.getMessage(), e);
    }
  }

  static io.kith.control.v1.LearnedPart message(LearnedPart part) {
    return io.kith.control.v1.LearnedPart.newBuilder()
        .setReplica(part.replica())
        .setOwner(part.owner().toString())
        .setKey(part.key())
        .setBody(part.body())
        .build();
  }

  /**
   * Reads a part.
   *
   * @throws IllegalArgumentException when it is none
   */
  static LearnedPart part(io.kith.control.v1.LearnedPart message) {
    return new LearnedPart(
        message.getReplica(), Owner.parse(message.getOwner()), message.getKey(), message.getBody());
  }
}
