package io.kith.bridge.capture;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.ProcStat;
import io.kith.bridge.ffm.Tuple;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** A connection to oneself that must be found in the table, with what one knows of oneself. */
final class Canary {
  private static final long NANOS_PER_TICK = 10_000_000;
  private static final int SOON_MILLIS = 100;
  private static final int LIMIT_MILLIS = 1_000;

  private Canary() {}

  /** The processes that hold a connection; why there are none is added to the reasons. */
  @FunctionalInterface
  interface Holders {
    List<Owner> of(Tuple tuple, List<String> reasons);
  }

  private interface LookUp {
    String problem(Tuple tuple, Socket far) throws IOException, KernelException;
  }

  /** What is wrong, in words; empty when the connection was found and all of it is true. */
  static String run(KernelCapture capture) {
    return connected(
        (tuple, _) -> {
          var seen = capture.latest(capture.cookieHere(), tuple);
          return seen == null
              ? "the bridge's connection to itself was not seen: the programs are not where"
                  + " connections are made (is bridge.cgroup the root of the cgroup v2 tree?)"
              : difference(seen);
        });
  }

  /**
   * What is wrong, in words, with such a connection where a server of this node looks for it: there
   * it is, and no longer once its far end alone is closed, for as long as which nobody else can
   * come to the proxy from its port. Another program on the node may take the news of that from
   * ours.
   */
  static String run(KernelCapture capture, Openers openers) {
    return connected(
        (tuple, far) -> {
          var network = capture.cookieHere();
          var key = OwnerRecord.key(network, tuple);
          var owner = capture.latest(network, tuple);
          // The far end may be there a moment after connect(2) returned.
          if (owner == null || !soon(() -> openers.has(key, owner))) {
            return "the bridge's connection to itself was not noted for them";
          }
          far.close();
          return soon(() -> !openers.has(key, owner))
              ? ""
              : "the bridge's connection to itself stayed noted when its far end closed (is"
                  + " net.ipv4.tcp_fin_timeout above 60? does another BPF program of the node set"
                  + " what sockets tell?)";
        });
  }

  private static boolean soon(BooleanSupplier condition) {
    for (var i = 0; i < SOON_MILLIS; i++) {
      if (condition.getAsBoolean()) {
        return true;
      }
      LockSupport.parkNanos(1_000_000);
    }
    return false;
  }

  /** The same without the kernel's record: we ourselves must be found to hold the connection. */
  static String run(Holders holders) {
    return connected(
        (tuple, _) -> {
          var reasons = new ArrayList<String>();
          var found = holders.of(tuple, reasons);
          return found.isEmpty()
              ? "the bridge was not found to hold its connection to itself: "
                  + String.join("; ", reasons)
              : difference(found.getFirst());
        });
  }

  private static String connected(LookUp lookUp) {
    var loopback = InetAddress.ofLiteral("127.0.0.1");
    try (var server = new ServerSocket(0, 1, loopback);
        var client = new Socket()) {
      client.connect(new InetSocketAddress(loopback, server.getLocalPort()), LIMIT_MILLIS);
      server.setSoTimeout(LIMIT_MILLIS);
      var tuple =
          new Tuple(
              IpAddress.of(loopback),
              client.getLocalPort(),
              IpAddress.of(loopback),
              server.getLocalPort());
      try (var accepted = server.accept()) {
        return lookUp.problem(tuple, accepted);
      }
    } catch (IOException e) {
      return "the bridge could not connect to itself: " + e.getMessage();
    } catch (KernelException e) {
      return "the number of the network namespace is not known: " + e.getMessage();
    }
  }

  private static String difference(Owner seen) throws IOException {
    var self = ProcessHandle.current();
    if (seen.pid() != self.pid()) {
      return "the bridge's connection to itself was charged to process "
          + seen.pid()
          + " instead of "
          + self.pid()
          + " (does the bridge run in the host's PID namespace?)";
    }
    var image = seen.image();
    if (image == null) {
      return "";
    }
    var executable = Path.of("/proc/self/exe");
    var parent = self.parent().map(ProcessHandle::pid).orElse(0L);
    if (image.inode() != number(executable, "unix:ino")
        || image.size() != Files.size(executable)
        || !isDevice(image, number(executable, "unix:dev"))) {
      return wrong("executable", image, executable.toRealPath());
    }
    if (seen.startNanos() / NANOS_PER_TICK != startTicks()) {
      return wrong("start time", seen.startNanos() / NANOS_PER_TICK, startTicks());
    }
    return seen.parent() == parent ? "" : wrong("parent", seen.parent(), parent);
  }

  private static String wrong(String what, Object seen, Object is) {
    return "the kernel's record of the bridge's own "
        + what
        + " is wrong ("
        + seen
        + " instead of "
        + is
        + "): its memory is laid out in another way than its types say";
  }

  private static long number(Path file, String attribute) throws IOException {
    return ((Number) Files.getAttribute(file, attribute)).longValue();
  }

  /**
   * Whether the device of the file system is the one that stat shows. An overlay of several file
   * systems shows others in stat than it has: then it must be mounted.
   */
  private static boolean isDevice(ImageId image, long stat) throws IOException {
    var major = image.device() >>> 20;
    var minor = image.device() & 0xf_ffff;
    var statMajor = ((stat >>> 8) & 0xfff) | ((stat >>> 32) & ~0xfffL);
    var statMinor = (stat & 0xff) | ((stat >>> 12) & 0xfff00);
    return (major == statMajor && minor == statMinor)
        || Files.readString(Path.of("/proc/self/mountinfo"))
            .contains(" " + major + ":" + minor + " ");
  }

  /** When the bridge started, in ticks of 10 ms after boot. */
  private static long startTicks() {
    return requireNonNull(ProcStat.read("/proc/self"), "/proc/self").startNanos() / NANOS_PER_TICK;
  }
}
