package io.kith.load.bench;

import java.util.List;
import java.util.Locale;

/**
 * What {@link BridgeBench} found.
 *
 * @param rung letter of the best rung that this node reaches
 * @param connects with the bridge and without
 * @param wrong redirected connections that were charged to another process
 * @param unknown redirected connections that nobody was found for, of {@code redirected}
 * @param rewritten redirected connections whose port NAT changed
 * @param shortLived processes that connect and are gone
 * @param startUp of a bridge where many processes are already
 * @param residentMebibytes of a bridge's process, at its most in the run
 */
record BridgeFigures(
    String rung,
    ConnectBench.Figures connects,
    long wrong,
    long unknown,
    long redirected,
    long rewritten,
    double resolveP50Micros,
    double resolveP99Micros,
    ShortLived shortLived,
    StartUp startUp,
    long residentMebibytes) {

  record ShortLived(long made, long attributed, long hashed) {}

  /**
   * A bridge that starts late.
   *
   * @param made processes that were there
   * @param known processes that it found, also those of the bench itself
   * @param knownMillis from its start until it knew them
   * @param olderConnectionMillis until it named who had opened a connection before; -1: it did not
   */
  record StartUp(long made, long known, long knownMillis, long olderConnectionMillis) {}

  private long recorded() {
    return connects.refused().recorded() + connects.whole().recorded();
  }

  private long made() {
    return connects.refused().made() + connects.whole().made();
  }

  /** A line each, for people. */
  List<String> lines() {
    return String.format(
            Locale.ROOT,
            """
            rung                            %s
            connects per second             %,.0f (%,.0f without)
            whole connections per second    %,.0f (%,.0f without)
            added to one connection         %,.0f ns of a processor, mean
            written down                    %,d of %,d
            redirected connections          %,d, of which %,d on another port: %,d wrong, %,d unknown
            looking one up                  %.1f µs median, %.1f µs p99
            processes that connect and go   %,d of %,d attributed, %,d with hash
            processes there before it       %,d of %,d known %,d ms after its start
            a connection older than it      %s
            memory of the bridge            %,d MiB resident
            """,
            rung,
            connects.refused().perSecond(),
            connects.refused().perSecondWithout(),
            connects.whole().perSecond(),
            connects.whole().perSecondWithout(),
            connects.whole().addedNanosMean(),
            recorded(),
            made(),
            redirected,
            rewritten,
            wrong,
            unknown,
            resolveP50Micros,
            resolveP99Micros,
            shortLived.attributed,
            shortLived.made,
            shortLived.hashed,
            startUp.known,
            startUp.made,
            startUp.knownMillis,
            startUp.olderConnectionMillis < 0
                ? "nobody's"
                : "its opener after " + startUp.olderConnectionMillis + " ms",
            residentMebibytes)
        .lines()
        .toList();
  }

  /** One object in one line. */
  String json() {
    return String.format(
        Locale.ROOT,
        "{\"rung\":\"%s\",\"connects_per_s\":%.0f,\"connects_per_s_without\":%.0f,"
            + "\"connections_per_s\":%.0f,\"connections_per_s_without\":%.0f,\"recorded\":%d,"
            + "\"made\":%d,\"wrong\":%d,\"unknown\":%d,\"added_ns_mean\":%.0f,"
            + "\"resolve_p50_us\":%.1f,\"resolve_p99_us\":%.1f,\"short_lived\":{\"made\":%d,"
            + "\"attributed\":%d,\"hashed\":%d},\"rss_mib\":%d,\"start_up\":{\"made\":%d,"
            + "\"known\":%d,\"known_ms\":%d,\"older_connection_ms\":%d}}",
        rung,
        connects.refused().perSecond(),
        connects.refused().perSecondWithout(),
        connects.whole().perSecond(),
        connects.whole().perSecondWithout(),
        recorded(),
        made(),
        wrong,
        unknown,
        connects.whole().addedNanosMean(),
        resolveP50Micros,
        resolveP99Micros,
        shortLived.made,
        shortLived.attributed,
        shortLived.hashed,
        residentMebibytes,
        startUp.made,
        startUp.known,
        startUp.knownMillis,
        startUp.olderConnectionMillis);
  }
}
