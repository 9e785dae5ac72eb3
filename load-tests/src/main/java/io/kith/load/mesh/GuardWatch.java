package io.kith.load.mesh;

import static java.util.Objects.requireNonNull;

import io.kith.bridge.StatusSocket;
import io.kith.load.lab.PodProcess;
import io.kith.load.tools.Command;
import io.kith.load.tools.RunningProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/** The guard of the checkout pod, as the bridge's status and the server's log and metrics tell. */
public final class GuardWatch {
  private static final Duration LIMIT = Duration.ofMinutes(3);

  private final PodShop shop;
  private final RunningProcess server;

  GuardWatch(PodShop shop, RunningProcess server) {
    this.shop = shop;
    this.server = server;
  }

  /**
   * Waits until the bridge guards the pod as the server says, with nothing amiss.
   *
   * @param mode as the bridge words it: {@code observe}, {@code enforce}
   */
  public void await(String mode) throws InterruptedException {
    var guarded = "  net:[" + networkNumber() + "] " + mode;
    Mesh.await(
        "the guard of the checkout pod under " + mode + ": " + status(),
        LIMIT,
        () -> {
          var lines = status().lines().toList();
          var at = lines.indexOf(guarded);
          return at >= 0 && !lines.get(at + 1).startsWith("    but ");
        });
  }

  private long networkNumber() {
    try {
      return (Long) Files.getAttribute(shop.checkout().namespace().handle(), "unix:ino");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What {@code kith bridge status} prints; empty while no bridge answers. */
  public String status() {
    try {
      return StatusSocket.ask(shop.folder().resolve("bridge.sock"));
    } catch (IOException _) {
      return "";
    }
  }

  /**
   * What the bridge's status says that the guard saw and refused of the pod for a reason.
   *
   * @param words the reason, as the status words it
   */
  public Count count(String words) {
    var guarded = "  net:[" + networkNumber() + "] ";
    var prefix = "    " + words + ": ";
    return status()
        .lines()
        .dropWhile(line -> !line.equals("guard:"))
        .dropWhile(line -> !line.startsWith(guarded))
        .skip(1)
        .takeWhile(line -> line.startsWith("    "))
        .filter(line -> line.startsWith(prefix))
        .map(line -> line.substring(prefix.length()).replaceAll("[^\\d ]", "").split(" +", -1))
        .map(numbers -> new Count(Long.parseLong(numbers[0]), Long.parseLong(numbers[1])))
        .findFirst()
        .orElse(new Count(0, 0));
  }

  /** Connects of TCP, packets of everything else. */
  public record Count(long seen, long refused) {}

  /** What went past the sidecars, as the server's log tells it. */
  public List<PastSidecar> reported() {
    return PastSidecar.in(server.log());
  }

  /** Runs a bypass in the pod. */
  public PodProcess.Outcome run(Bypass bypass) throws IOException, InterruptedException {
    return shop.run(bypass);
  }

  /** Bytes that reached whom a bypass is aimed at, since they were forgotten. */
  public long arrived(Bypass bypass) {
    return shop.arrived(bypass.target());
  }

  /** Runs a bypass and waits for the report of its refusal. */
  public PastSidecar refusal(Bypass bypass) throws IOException, InterruptedException {
    var before = refused(bypass.reason());
    var outcome = run(bypass);
    var found = new AtomicReference<PastSidecar>();
    Mesh.await(
        "the report of '"
            + bypass.name()
            + "', which said: "
            + Command.tail(outcome.stdout() + outcome.stderr(), 3),
        LIMIT,
        () -> {
          PastSidecar.in(server.log()).stream()
              .filter(past -> past.reason().equals(bypass.reason()))
              .filter(past -> past.process().equals(bypass.process()))
              .findFirst()
              .ifPresent(found::set);
          return found.get() != null && refused(bypass.reason()) > before;
        });
    return requireNonNull(found.get(), "a report was found");
  }

  /** What guards refused for a reason since the server started: connects of TCP, else packets. */
  public long refused(String reason) {
    return metric("kith_guard_refused_total{reason=\"" + reason + "\"}");
  }

  /** What went past the sidecars for a reason, refused or not. */
  public long seen(String reason) {
    return metric("kith_guard_seen_total{reason=\"" + reason + "\"}");
  }

  private long metric(String name) {
    try {
      return shop.ask("/metrics")
          .body()
          .lines()
          .filter(line -> line.startsWith(name + " "))
          .mapToLong(line -> (long) Double.parseDouble(line.substring(name.length() + 1)))
          .findFirst()
          .orElse(0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
