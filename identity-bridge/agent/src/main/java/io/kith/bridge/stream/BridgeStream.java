package io.kith.bridge.stream;

import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.process.Rung;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.BridgeServiceGrpc;
import io.kith.bridge.v1.Query;
import io.kith.bridge.v1.ServerMessage;
import io.kith.bridge.v1.Welcome;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The stream to one authorization server, opened again whenever it ends. Thread-safe.
 *
 * <p>After a cut both sides start from nothing: Hello, pods and status are sent again, and every
 * fingerprint before its next answer. The delay before the next attempt doubles from 0.25 s to 10
 * s, with jitter, and starts anew once a server has said Welcome.
 */
public final class BridgeStream implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(BridgeStream.class.getName());
  private static final Duration FIRST_RETRY = Duration.ofMillis(250);
  private static final Duration LAST_RETRY = Duration.ofSeconds(10);
  private static final int MAX_DOUBLINGS = 6;
  private static final Duration POD_INTERVAL = Duration.ofSeconds(1);
  private static final Duration STATUS_INTERVAL = Duration.ofSeconds(30);

  /** What a person may want to hear about a stream. */
  public sealed interface Event {
    /** The server took the bridge. */
    record Attached(Endpoint server, String serverVersion) implements Event {}

    /**
     * There is no stream now.
     *
     * @param why in words
     * @param retryMillis until the next attempt
     */
    record Detached(Endpoint server, String why, long retryMillis) implements Event {}
  }

  private final Endpoint server;
  private final String node;
  private final String version;
  private final NodeView view;
  private final Executor workers;
  private final Consumer<Event> events;
  private final ManagedChannel channel;
  private final ScheduledExecutorService timer;
  private int failures; // guarded by this
  private boolean closed; // guarded by this
  private @Nullable Attachment attachment; // guarded by this

  private BridgeStream(
      Endpoint server,
      ChannelCredentials credentials,
      String node,
      String version,
      NodeView view,
      Executor workers,
      Consumer<Event> events) {
    this.server = server;
    this.node = node;
    this.version = version;
    this.view = view;
    this.workers = workers;
    this.events = events;
    this.channel =
        Grpc.newChannelBuilder(target(server), credentials)
            .keepAliveTime(20, TimeUnit.SECONDS)
            .keepAliveTimeout(5, TimeUnit.SECONDS)
            .build();
    this.timer =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("kith-stream-timer").factory());
  }

  /**
   * Starts to keep a stream open; returns at once.
   *
   * @param credentials whose TLS side checks the server's SPIFFE ID
   * @param node name of the node
   * @param version of the bridge, for people
   * @param workers where questions are answered; may refuse, then the server waits in vain
   * @param events heard in order; must be quick
   */
  public static BridgeStream start(
      Endpoint server,
      ChannelCredentials credentials,
      String node,
      String version,
      NodeView view,
      Executor workers,
      Consumer<Event> events) {
    var stream = new BridgeStream(server, credentials, node, version, view, workers, events);
    stream.attach();
    stream.every(POD_INTERVAL, stream::refreshPods);
    stream.every(STATUS_INTERVAL, stream::refreshStatus);
    return stream;
  }

  private static String target(Endpoint server) {
    return switch (server) {
      case Endpoint.Tcp tcp -> "dns:///" + tcp;
      case Endpoint.Unix(var path) -> "unix://" + path.toAbsolutePath();
    };
  }

  private void every(Duration interval, Runnable task) {
    var _ =
        timer.scheduleWithFixedDelay(
            () -> guarded(task), interval.toMillis(), interval.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** A repeated task that throws would never run again. */
  private static void guarded(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException e) {
      LOG.log(System.Logger.Level.ERROR, "a mistake inside while the server was told news", e);
    }
  }

  private synchronized void attach() {
    if (closed) {
      return;
    }
    // Otherwise gRPC waits by its own rules, up to two minutes, before it dials again.
    channel.resetConnectBackoff();
    attachment = new Attachment();
    BridgeServiceGrpc.newStub(channel).attach(attachment);
  }

  private synchronized @Nullable Attachment current() {
    return attachment;
  }

  private void refreshPods() {
    var current = current();
    if (current != null) {
      current.sendPods(false);
    }
  }

  private void refreshStatus() {
    var current = current();
    if (current != null) {
      current.sendStatus();
    }
  }

  /** Tells the server at once that something about the node changed. */
  public void statusChanged() {
    try {
      timer.execute(this::refreshStatus);
    } catch (RejectedExecutionException _) {
      // closed
    }
  }

  private synchronized void welcomed() {
    failures = 0;
  }

  private void ended(Attachment which, String why) {
    long delayMillis;
    synchronized (this) {
      if (closed || attachment != which) {
        return;
      }
      attachment = null;
      delayMillis =
          Math.min(
              FIRST_RETRY.toMillis() << Math.min(failures++, MAX_DOUBLINGS), LAST_RETRY.toMillis());
      var jittered = delayMillis / 2 + ThreadLocalRandom.current().nextLong(delayMillis / 2 + 1);
      delayMillis = Math.max(FIRST_RETRY.toMillis(), jittered);
    }
    events.accept(new Event.Detached(server, why, delayMillis));
    try {
      var _ = timer.schedule(this::attach, delayMillis, TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException _) {
      // closed in between
    }
  }

  /** One call of Attach. */
  private final class Attachment implements ClientResponseObserver<BridgeMessage, ServerMessage> {
    private @Nullable ClientCallStreamObserver<BridgeMessage> call;
    private @Nullable Outbox outbox;
    private @Nullable List<NodeView.Pod> told; // guarded by this

    @Override
    public void beforeStart(ClientCallStreamObserver<BridgeMessage> call) {
      this.call = call;
      var created = new Outbox(call);
      outbox = created;
      call.setOnReadyHandler(new Greeting(created));
    }

    /** Speaks first, and goes on whenever the server takes more. */
    private final class Greeting implements Runnable {
      private final Outbox outbox;
      private boolean greeted;

      private Greeting(Outbox outbox) {
        this.outbox = outbox;
      }

      @Override
      public void run() { // gRPC calls it from one thread at a time
        if (!greeted) {
          greeted = true;
          outbox.first(Messages.hello(node, version));
          sendPods(true);
          sendStatus();
        }
        outbox.flush();
      }
    }

    private synchronized void sendPods(boolean greeting) {
      var pods = view.pods();
      var out = outbox;
      if (out != null && (greeting || told != null) && !pods.equals(told)) {
        told = pods;
        out.pods(Messages.pods(pods));
      }
    }

    private synchronized void sendStatus() {
      var out = outbox;
      if (out != null && told != null) {
        out.status(Messages.status(view.status()));
      }
    }

    @Override
    public void onNext(ServerMessage message) {
      switch (message.getMessageCase()) {
        case WELCOME -> welcome(message.getWelcome());
        case QUERY -> query(message.getQuery());
        case MESSAGE_NOT_SET -> {
          // of a newer server: it means nothing to us
        }
      }
    }

    private void welcome(Welcome welcome) {
      if (welcome.getProtocolVersion() != Messages.PROTOCOL_VERSION && call != null) {
        call.cancel("protocol version " + welcome.getProtocolVersion() + " is not ours", null);
        return;
      }
      welcomed();
      events.accept(new Event.Attached(server, welcome.getServerVersion()));
    }

    private void query(Query query) {
      try {
        workers.execute(() -> reply(query));
      } catch (RejectedExecutionException _) {
        send(query.getId(), nothing(query, "the bridge is overloaded"));
      }
    }

    private void reply(Query query) {
      NodeView.Answer answer;
      try {
        answer = answerOf(query);
      } catch (RuntimeException e) {
        LOG.log(System.Logger.Level.ERROR, "a mistake inside while a question was answered", e);
        answer = nothing(query, "a mistake inside the bridge");
      }
      // A pod that the question made known is told before its answer.
      sendPods(false);
      send(query.getId(), answer);
    }

    private NodeView.Answer answerOf(Query query) {
      NodeView.Question question;
      try {
        question = Messages.question(query);
      } catch (IllegalArgumentException e) {
        return nothing(query, "question not understood: " + e.getMessage());
      }
      return view.answer(question);
    }

    private void send(long queryId, NodeView.Answer answer) {
      var out = outbox;
      if (out != null) {
        out.answer(queryId, answer);
      }
    }

    private static NodeView.Answer nothing(Query query, String why) {
      return new NodeView.Answer(
          List.of(), Rung.NONE, List.of(why), query.getSourcePort() & 0xffff);
    }

    @Override
    public void onError(Throwable failure) {
      end(words(Status.fromThrowable(failure)));
    }

    @Override
    public void onCompleted() {
      end("the server ended the stream");
    }

    private void end(String why) {
      var out = outbox;
      if (out != null) {
        out.end();
      }
      ended(this, why);
    }

    private void cancel() {
      var out = outbox;
      if (out != null) {
        out.end();
      }
      if (call != null) {
        call.cancel("the bridge stops", null);
      }
    }
  }

  private static String words(Status status) {
    var text = new StringBuilder(status.getCode().name());
    if (status.getDescription() != null) {
      text.append(": ").append(status.getDescription());
    }
    for (var cause = status.getCause(); cause != null; cause = cause.getCause()) {
      if (cause.getMessage() != null && text.indexOf(cause.getMessage()) < 0) {
        text.append(": ").append(cause.getMessage());
      }
    }
    return text.toString().replaceAll("\\s+", " ");
  }

  @Override
  public void close() {
    Attachment open;
    synchronized (this) {
      closed = true;
      open = attachment;
      attachment = null;
    }
    if (open != null) {
      open.cancel();
    }
    timer.shutdownNow();
    channel.shutdownNow();
  }
}
