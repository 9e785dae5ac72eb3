package io.kith.baselines.replay;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One line of a flow log, as it is written; the format is in the README of this module.
 *
 * @param time seconds since the epoch
 * @param environment {@code prod}, {@code qa}, …
 * @param app owner of the pod
 * @param workload SPIFFE ID
 * @param digest of the image, or null
 * @param replica names the pod
 */
public record FlowRecord(
    double time,
    String environment,
    String app,
    String workload,
    @Nullable String digest,
    String replica,
    Program process,
    Target target) {
  public FlowRecord {
    if (!Double.isFinite(time) || Math.abs(time) > 1e11) {
      throw new IllegalArgumentException("t: " + time + " (expected: seconds since the epoch)");
    }
    requireNonNull(environment, "environment");
    requireNonNull(app, "app");
    requireNonNull(workload, "workload");
    requireNonNull(replica, "replica");
    requireNonNull(process, "process");
    requireNonNull(target, "target");
  }

  /**
   * The process; what is null was not captured.
   *
   * @param comm program name
   * @param parents executables of the ancestors, nearest first
   * @param origin {@code image}, {@code runtime} or {@code unknown}
   * @param entry {@code native}, {@code script}, {@code jvm-main}, {@code module}, {@code inline}
   * @param quality of the attribution
   */
  public record Program(
      @Nullable String path,
      @Nullable String sha256,
      @Nullable Integer uid,
      @Nullable String comm,
      List<String> parents,
      @Nullable String script,
      @Nullable String origin,
      @Nullable String entry,
      boolean execSession,
      @Nullable String quality,
      @Nullable String container) {
    public Program {
      parents = List.copyOf(parents);
    }

    // both by hand: a replay asks for each flow, and those of a record are slower

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Program that
          && execSession == that.execSession
          && Objects.equals(path, that.path)
          && Objects.equals(sha256, that.sha256)
          && Objects.equals(uid, that.uid)
          && Objects.equals(comm, that.comm)
          && parents.equals(that.parents)
          && Objects.equals(script, that.script)
          && Objects.equals(origin, that.origin)
          && Objects.equals(entry, that.entry)
          && Objects.equals(quality, that.quality)
          && Objects.equals(container, that.container);
    }

    /** Of what tells most processes apart. */
    @Override
    public int hashCode() {
      var hash = 31 * Objects.hashCode(path) + Objects.hashCode(sha256);
      return 31 * (31 * hash + Objects.hashCode(script)) + parents.hashCode();
    }
  }

  /**
   * Where it goes; what is null was not captured.
   *
   * @param host name from DNS, authority or SNI
   * @param protocol {@code tcp} or {@code udp}; anything else never reaches a proxy
   * @param spiffe the peer's SPIFFE ID
   * @param cluster where Envoy routed
   */
  public record Target(
      @Nullable String host,
      @Nullable String ip,
      int port,
      String protocol,
      @Nullable String sni,
      @Nullable String spiffe,
      @Nullable String cluster) {
    /** Of a DNS name with its dot at the end (RFC 1035, 2.3.4). */
    private static final int MAX_NAME = 254;

    public Target {
      requireNonNull(protocol, "protocol");
      if (port < 0 || port > 65_535) {
        throw new IllegalArgumentException("dst.port: " + port + " (expected: 0 to 65535)");
      }
      requireName("dst.host", host);
      requireName("dst.sni", sni);
      if (host == null && ip == null && cluster == null) {
        throw new IllegalArgumentException("dst: nothing (expected: host or ip)");
      }
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Target that
          && port == that.port
          && Objects.equals(host, that.host)
          && Objects.equals(ip, that.ip)
          && protocol.equals(that.protocol)
          && Objects.equals(sni, that.sni)
          && Objects.equals(spiffe, that.spiffe)
          && Objects.equals(cluster, that.cluster);
    }

    /** Of what tells most destinations apart. */
    @Override
    public int hashCode() {
      return 31 * (31 * Objects.hashCode(host) + Objects.hashCode(ip)) + port;
    }

    private static void requireName(String field, @Nullable String name) {
      if (name != null && name.length() > MAX_NAME) {
        throw new IllegalArgumentException(
            field
                + ": a name of "
                + name.length()
                + " characters (expected: at most "
                + MAX_NAME
                + ")");
      }
    }
  }
}
