package io.kith.bridge.stream;

import static java.util.stream.Collectors.joining;

import io.kith.baselines.config.Endpoint;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The streams to all servers: those with an address, and each that has a socket in a folder, for as
 * long as it has. Thread-safe.
 */
public final class ServerStreams implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(ServerStreams.class.getName());
  private static final Duration LOOK = Duration.ofMillis(250);

  private final List<Path> folders = new ArrayList<>();
  private final Dialler dialler;
  private final Consumer<Endpoint> gone;
  private final List<BridgeStream> fixed = new ArrayList<>(); // guarded by this
  private final Map<Endpoint, Found> found = new HashMap<>(); // guarded by this
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon().name("kith-servers").factory());
  private String problem = ""; // guarded by this
  private String mistake = ""; // said last, empty once all went well; guarded by this
  private boolean began; // guarded by this
  private boolean closed; // guarded by this

  private record Found(Object identity, BridgeStream stream) {}

  /** Makes a stream. */
  @FunctionalInterface
  public interface Dialler {
    /** One that is held. */
    BridgeStream dial(Endpoint server);
  }

  private ServerStreams(Dialler dialler, Consumer<Endpoint> gone) {
    this.dialler = dialler;
    this.gone = gone;
  }

  /**
   * Starts to keep connections to all of them, on which nothing is said before {@link #begin}.
   *
   * @param gone is told of a socket that is not there any more
   */
  public static ServerStreams hold(
      List<Endpoint> servers, Dialler dialler, Consumer<Endpoint> gone) {
    var streams = new ServerStreams(dialler, gone);
    streams.open(servers);
    var every = LOOK.toMillis();
    var _ =
        streams.timer.scheduleWithFixedDelay(streams::look, every, every, TimeUnit.MILLISECONDS);
    return streams;
  }

  /** Attaches to all of them, and to those that come; called once. */
  public synchronized void begin() {
    began = true;
    found.values().forEach(one -> one.stream().begin());
    fixed.forEach(BridgeStream::begin);
  }

  private BridgeStream dial(Endpoint server) {
    var stream = dialler.dial(server);
    if (began) {
      try {
        stream.begin();
      } catch (RuntimeException | Error e) {
        stream.close(); // nobody else has it
        throw e;
      }
    }
    return stream;
  }

  private synchronized void open(List<Endpoint> servers) {
    for (var server : servers) {
      if (server instanceof Endpoint.Folder(var path)) {
        folders.add(path);
      }
    }
    look(); // those of the node first
    for (var server : servers) {
      if (!(server instanceof Endpoint.Folder)) {
        fixed.add(dial(server));
      }
    }
  }

  /** An error too: a repeated task that throws would never run again. */
  private synchronized void look() {
    if (closed) {
      return;
    }
    Throwable wrong;
    try {
      wrong = follow(sockets());
      if (!began) {
        found.values().forEach(one -> one.stream().stayConnected());
        fixed.forEach(BridgeStream::stayConnected);
      }
    } catch (RuntimeException | Error e) {
      wrong = e;
    }
    var now = wrong == null ? "" : "a mistake inside while servers were looked for: " + wrong;
    if (wrong != null && !now.equals(mistake)) {
      LOG.log(System.Logger.Level.ERROR, now, wrong);
    }
    mistake = now;
  }

  private Map<Endpoint, Object> sockets() {
    var all = new LinkedHashMap<Endpoint, Object>();
    var problems = new ArrayList<String>();
    for (var folder : folders) {
      try {
        all.putAll(ServerFolder.sockets(folder));
      } catch (IOException e) {
        problems.add("no server is found in " + folder + ": " + e);
      }
    }
    var now = String.join("; ", problems);
    if (!now.equals(problem) && !now.isEmpty()) {
      LOG.log(System.Logger.Level.WARNING, now);
    }
    problem = now;
    return all;
  }

  /** Returns what one of them ended with, or null: it is tried again, and the others are there. */
  private @Nullable Throwable follow(Map<Endpoint, Object> sockets) {
    for (var entry : List.copyOf(found.entrySet())) {
      var server = entry.getKey();
      if (!entry.getValue().identity().equals(sockets.get(server))) {
        found.remove(server);
        entry.getValue().stream().close();
        gone.accept(server);
      }
    }
    Throwable wrong = null;
    for (var socket : sockets.entrySet()) {
      try {
        found.computeIfAbsent(
            socket.getKey(), server -> new Found(socket.getValue(), dial(server)));
      } catch (RuntimeException | Error e) {
        wrong = e;
      }
    }
    return wrong;
  }

  /** Why a folder cannot be read, or a server there not be attached to, or empty. */
  public synchronized String problem() {
    return Stream.of(problem, mistake).filter(one -> !one.isEmpty()).collect(joining("; "));
  }

  /** Attaches with the certificate of now, everywhere. */
  public synchronized void renew() {
    fixed.forEach(BridgeStream::renew);
    found.values().forEach(one -> one.stream().renew());
  }

  @Override
  public synchronized void close() {
    closed = true;
    timer.shutdownNow();
    found.values().forEach(one -> one.stream().close());
    fixed.forEach(BridgeStream::close);
  }
}
