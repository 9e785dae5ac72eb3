package io.kith.load.bench;

import java.util.List;
import java.util.Locale;

/**
 * What {@link BridgeBench} found.
 *
 * @param rung letter of the best rung that this node reaches
 * @param connectsPerSecond with the bridge, two threads that connect and reset; the middle round
 * @param connectsPerSecondWithout the same without one
 * @param recorded connections that the kernel wrote down, of those made
 * @param wrong redirected connections that were charged to another process
 * @param unknown redirected connections that nobody was found for, of {@code redirected}
 * @param rewritten redirected connections whose port NAT changed
 * @param addedNanosMean processor time that one connection, from connect(2) to both ends closed,
 *     takes more
 * @param shortLived processes that connect and are gone
 * @param residentMebibytes of a bridge's process that watched the run
 */
record BridgeFigures(
    String rung,
    long connectsPerSecond,
    long connectsPerSecondWithout,
    long recorded,
    long made,
    long wrong,
    long unknown,
    long redirected,
    long rewritten,
    long addedNanosMean,
    double resolveP50Micros,
    double resolveP99Micros,
    ShortLived shortLived,
    long residentMebibytes) {

  record ShortLived(long made, long attributed, long hashed) {}

  /** A line each, for people. */
  List<String> lines() {
    return String.format(
            Locale.ROOT,
            """
            rung                            %s
            connects per second             %,d (%,d without)
            added to one connection         %,d ns of a processor, mean
            written down                    %,d of %,d
            redirected connections          %,d, of which %,d on another port: %,d wrong, %,d unknown
            looking one up                  %.1f µs median, %.1f µs p99
            processes that connect and go   %,d of %,d attributed, %,d with hash
            memory of the bridge            %,d MiB resident
            """,
            rung,
            connectsPerSecond,
            connectsPerSecondWithout,
            addedNanosMean,
            recorded,
            made,
            redirected,
            rewritten,
            wrong,
            unknown,
            resolveP50Micros,
            resolveP99Micros,
            shortLived.attributed,
            shortLived.made,
            shortLived.hashed,
            residentMebibytes)
        .lines()
        .toList();
  }

  /** One object in one line. */
  String json() {
    return String.format(
        Locale.ROOT,
        "{\"rung\":\"%s\",\"connects_per_s\":%d,\"connects_per_s_without\":%d,\"recorded\":%d,"
            + "\"made\":%d,\"wrong\":%d,\"unknown\":%d,\"added_ns_mean\":%d,"
            + "\"resolve_p50_us\":%.1f,\"resolve_p99_us\":%.1f,\"short_lived\":{\"made\":%d,"
            + "\"attributed\":%d,\"hashed\":%d},\"rss_mib\":%d}",
        rung,
        connectsPerSecond,
        connectsPerSecondWithout,
        recorded,
        made,
        wrong,
        unknown,
        addedNanosMean,
        resolveP50Micros,
        resolveP99Micros,
        shortLived.made,
        shortLived.attributed,
        shortLived.hashed,
        residentMebibytes);
  }
}
