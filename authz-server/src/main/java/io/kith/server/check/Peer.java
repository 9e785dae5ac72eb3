package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.grpc.Attributes;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Who is at the other end of a connection to the server.
 *
 * @param id what its SVID proved at the handshake, or null
 * @param begins from when that SVID counts
 * @param expires end of that SVID
 * @param problem why there is no ID; empty when there is one
 * @param address of its end of the TCP connection, or null when it is a Unix socket
 */
public record Peer(
    @Nullable SpiffeId id,
    Instant begins,
    Instant expires,
    String problem,
    @Nullable IpAddress address) {
  /** Where {@link PeerFilter} leaves it among the attributes of a connection. */
  public static final Attributes.Key<Peer> KEY = Attributes.Key.create("kith-peer");

  public Peer {
    requireNonNull(begins, "begins");
    requireNonNull(expires, "expires");
    requireNonNull(problem, "problem");
  }

  /** A peer that proved who it is. */
  public static Peer proved(
      SpiffeId id, Instant begins, Instant expires, @Nullable IpAddress address) {
    return new Peer(requireNonNull(id, "id"), begins, expires, "", address);
  }

  /** A peer that did not. */
  public static Peer unknown(String problem, @Nullable IpAddress address) {
    return new Peer(null, Instant.MIN, Instant.MIN, problem, address);
  }

  /** The peer of a call; unknown when the connection was not looked at by {@link PeerFilter}. */
  public static Peer of(Attributes attributes) {
    var peer = attributes.get(KEY);
    return peer == null ? unknown("the connection has no identity", null) : peer;
  }

  /**
   * The ID, or null when there is none or its SVID does not count now: a connection may outlive it,
   * and a clock may have been set back since.
   */
  public @Nullable SpiffeId idAt(Instant now) {
    return now.isBefore(expires) && !now.isBefore(begins) ? id : null;
  }

  /** Why {@link #idAt} is null. */
  public String problemAt(Instant now) {
    if (id == null || idAt(now) != null) {
      return problem;
    }
    return "the certificate of "
        + id
        + (now.isBefore(begins) ? " counts only from " + begins : " ended at " + expires);
  }
}
