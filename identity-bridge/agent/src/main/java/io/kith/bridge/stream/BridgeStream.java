package io.kith.bridge.stream;

import io.grpc.ChannelCredentials;
import io.grpc.Status;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Rung;
import io.kith.bridge.ffm.BootClock;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.guard.GuardEvent;
import io.kith.bridge.guard.GuardPolicy;
import io.kith.bridge.guard.PodGuard;
import io.kith.bridge.turns.FairExecutor;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.BridgeServiceGrpc;
import io.kith.bridge.v1.GuardPolicies;
import io.kith.bridge.v1.Query;
import io.kith.bridge.v1.Revocation;
import io.kith.bridge.v1.ServerMessage;
import io.kith.bridge.v1.Unasked;
import io.kith.bridge.v1.Welcome;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.X509Source;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The stream to one authorization server, opened again whenever it ends. Thread-safe.
 *
 * <p>After a cut both sides start from nothing: Hello, pods and status are sent again, and every
 * fingerprint before its next answer. The delay before the next attempt doubles from 0.25 s to 10
 * s, with jitter, and starts anew once a server has said Welcome.
 */
public final class BridgeStream implements AutoCloseable {
  /*
   * A server believes a stream for as long as the certificate that it was opened with is valid. So
   * a renewed certificate opens a second stream, on a connection of its own. The server asks the
   * newer one as soon as that has told its pods, and ends the older; until then the older answers.
   * One take-over at a time: a third stream would claim pods that the first one still holds.
   *
   *            renew()              Welcome                ended by the server, or after GRACE
   *   current ────────► current, next ────────► current, leaving ────────► current
   */
  private static final System.Logger LOG = System.getLogger(BridgeStream.class.getName());
  private static final Duration FIRST_RETRY = Duration.ofMillis(250);
  private static final Duration LAST_RETRY = Duration.ofSeconds(10);
  private static final int MAX_DOUBLINGS = 6;
  private static final Duration POD_INTERVAL = Duration.ofSeconds(1);
  private static final Duration STATUS_INTERVAL = Duration.ofSeconds(30);

  private static final Duration GUARD_INTERVAL = Duration.ofSeconds(5);

  /** A server lets as many questions wait. One that waits for a hash or an agent has a thread. */
  private static final FairExecutor.Limits WORKERS = new FairExecutor.Limits(32, 4, 10_000, 2_500);

  /** When a thread that reads may answer again, by System.nanoTime; it may read several streams. */
  private static final ThreadLocal<long[]> ANSWERS_AGAIN =
      ThreadLocal.withInitial(() -> new long[] {System.nanoTime()});

  private static final int REHEARSALS = 50;

  /** So long a server on this node is spoken with by gRPC when frames did not lead to it. */
  private static final Duration NO_FRAMES = Duration.ofMinutes(5);

  /** An address that another bridge held may be free by now: the server does not ask for it. */
  private static final Duration POD_REPETITION = Duration.ofSeconds(10);

  /** How long a stream that was taken over may stay when the server does not end it. */
  private static final Duration GRACE = Duration.ofSeconds(5);

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

    /**
     * The stream with the older certificate goes on, since one with the newer could not be opened.
     *
     * @param why in words
     * @param retryMillis until the next attempt
     */
    record NotRenewed(Endpoint server, String why, long retryMillis) implements Event {}
  }

  /**
   * Who the bridge is, and which servers it speaks with; in each new connection with the
   * certificate of that moment.
   *
   * @param frames the same for what is not gRPC; null: servers on this node are spoken with by gRPC
   *     as well
   * @param usable whether there is an identity yet: without one, no way leads to a server
   */
  public record Credentials(
      ChannelCredentials grpc, @Nullable SslContext frames, BooleanSupplier usable) {
    /** That are there from the beginning. */
    public Credentials(ChannelCredentials grpc, @Nullable SslContext frames) {
      this(grpc, frames, () -> true);
    }

    /** Proves to be the bridge, and wants the server to prove that it is the expected one. */
    public static Credentials of(X509Source source, Predicate<SpiffeId> expectedServer) {
      return new Credentials(
          SpiffeTls.channelCredentials(source, expectedServer),
          SpiffeTls.framesClientContext(source, expectedServer),
          () -> source.state().usable());
    }
  }

  /** Where questions are answered. */
  @FunctionalInterface
  public interface Workers {
    /**
     * Has something done soon.
     *
     * @param whose the address of the pod that is asked about, or the stream: what is slow for one
     *     is not to keep others waiting
     * @throws RejectedExecutionException when too much waits; the server is told
     */
    void execute(Object whose, Runnable task);
  }

  private final Endpoint server;
  private final Credentials credentials;
  private final String node;
  private final String version;
  private final NodeView view;
  private final Workers workers;
  private final Consumer<Event> events;
  private final ScheduledExecutorService timer;
  private final Runnable hearer = this::named;
  private final AtomicBoolean tellsNames = new AtomicBoolean(); // in a moment
  private int failures; // guarded by this
  private boolean closed; // guarded by this
  private boolean held = true; // guarded by this
  private @Nullable ServerConnection ready; // guarded by this; nothing was said on it
  private @Nullable Object noFrames; // guarded by this; a socket where they failed
  private long noFramesUntil; // guarded by this; by System.nanoTime
  private int renewals; // guarded by this
  private @Nullable Attachment current; // guarded by this
  private @Nullable Attachment next; // guarded by this
  private @Nullable Attachment leaving; // guarded by this

  /** For all streams of a bridge; what one pod asks waits for itself alone. */
  public static FairExecutor<Object> workers() {
    return new FairExecutor<>("kith-query-", WORKERS);
  }

  private BridgeStream(
      Endpoint server,
      Credentials credentials,
      String node,
      String version,
      NodeView view,
      Workers workers,
      Consumer<Event> events) {
    this.server = server;
    this.credentials = credentials;
    this.node = node;
    this.version = version;
    this.view = view;
    this.workers = workers;
    this.events = events;
    this.timer =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("kith-stream-timer").factory());
  }

  /**
   * Starts to keep a stream open; returns at once.
   *
   * @param node name of the node
   * @param version of the bridge, for people
   * @param workers where questions are answered
   * @param events heard in order; must be quick
   */
  public static BridgeStream start(
      Endpoint server,
      Credentials credentials,
      String node,
      String version,
      NodeView view,
      Workers workers,
      Consumer<Event> events) {
    var stream = hold(server, credentials, node, version, view, workers, events);
    stream.begin();
    return stream;
  }

  /**
   * As {@link #start}, but only connects, and neither says nor hears anything until {@link #begin}:
   * what takes long of the way to a server is done then.
   */
  public static BridgeStream hold(
      Endpoint server,
      Credentials credentials,
      String node,
      String version,
      NodeView view,
      Workers workers,
      Consumer<Event> events) {
    var stream = new BridgeStream(server, credentials, node, version, view, workers, events);
    try {
      stream.connect();
      stream.rehearse();
    } catch (RuntimeException | Error e) {
      stream.close(); // nobody else has it
      throw e;
    }
    return stream;
  }

  /** Says to nobody what it will say first: code that never ran takes long. */
  private void rehearse() {
    var _ = BridgeServiceGrpc.getAttachMethod();
    var first =
        List.of(
            Messages.hello(node, version),
            Messages.pods(view.pods()),
            Messages.status(view.status()));
    var bytes = 0L;
    for (var i = 0; i < REHEARSALS; i++) {
      for (var message : first) {
        bytes += message.toByteArray().length;
      }
    }
    bytes +=
        GuardMessages.report(
                view.guard().states(),
                view.guard().events(),
                view.guard().totals(),
                view.guard().destroyed())
            .getSerializedSize();
    LOG.log(System.Logger.Level.DEBUG, "rehearsed {0} bytes", bytes);
  }

  /** Speaks from now on; called once. */
  public void begin() {
    synchronized (this) {
      held = false;
    }
    attach();
    every(POD_INTERVAL, () -> tell(attachment -> attachment.sendPods(false)));
    every(POD_REPETITION, () -> tell(attachment -> attachment.sendPods(true)));
    every(STATUS_INTERVAL, () -> tell(attachment -> attachment.sendStatus(true)));
    every(POD_INTERVAL, () -> tell(attachment -> attachment.sendStatus(false)));
    every(GUARD_INTERVAL, () -> tell(Attachment::sendReport));
    every(POD_INTERVAL, () -> tell(Attachment::sendNames));
    every(POD_INTERVAL, () -> tell(Attachment::sendOpeners));
    view.guard().whenNamed(hearer);
  }

  /** A pod heard a name: it may connect by it next. */
  private void named() {
    if (tellsNames.compareAndSet(false, true)) {
      later(
          Duration.ZERO,
          () -> {
            tellsNames.set(false); // before it looks what there is
            guarded(() -> tell(Attachment::sendNames));
          });
    }
  }

  /** Has a connection ready, with the certificate of now. */
  private synchronized void connect() {
    if (ready != null) {
      ready.close();
      ready = null;
    }
    ready = connection();
    stayConnected();
  }

  /** Connects again what was cut, as long as it is only held. */
  synchronized void stayConnected() {
    if (held && ready != null) {
      ready.connect();
    }
  }

  /**
   * In frames where they are to be had, unless they failed there a moment ago: the socket may be
   * left over from a server of another version. Guarded by this.
   */
  private ServerConnection connection() {
    var tls = credentials.frames();
    if (tls != null && server instanceof Endpoint.Unix(var path)) {
      var frames = ServerConnection.InFrames.to(path, tls);
      if (frames != null
          && (!frames.socket().equals(noFrames) || System.nanoTime() - noFramesUntil > 0)) {
        return frames;
      }
    }
    return ServerConnection.ByGrpc.to(server, credentials.grpc());
  }

  private void every(Duration interval, Runnable task) {
    var _ =
        timer.scheduleWithFixedDelay(
            () -> guarded(task), interval.toMillis(), interval.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** An error too: a repeated task that throws would never run again. */
  private static void guarded(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException | Error e) {
      LOG.log(System.Logger.Level.ERROR, "a mistake inside while the server was told news", e);
    }
  }

  private void later(Duration delay, Runnable task) {
    try {
      var _ = timer.schedule(task, delay.toMillis(), TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException _) {
      // closed in between
    }
  }

  /** Opens what is missing: a stream, or a second one in place of one with an older certificate. */
  private synchronized void attach() {
    var open = current;
    if (closed || held || next != null) {
      return;
    }
    try {
      if (open == null) {
        current = attachment();
        current.start(); // it may end before this returns
      } else if (open.welcomed && open.renewal < renewals && leaving == null) {
        next = attachment();
        next.start();
      }
    } catch (RuntimeException | Error e) { // nobody else would try again
      LOG.log(System.Logger.Level.ERROR, "a mistake inside while a server was attached to", e);
      giveUp(open == null ? current : next);
      later(delay(), this::attach);
    }
  }

  /** One that did not start. Guarded by this. */
  private void giveUp(@Nullable Attachment which) {
    if (which != null) {
      which.connection.close();
    }
    if (which == current) {
      current = null;
    }
    next = null;
  }

  private synchronized Attachment attachment() {
    if (ready == null) {
      ready = connection();
    }
    var attachment = new Attachment(renewals, ready); // or it throws, and the next takes it
    ready = null;
    return attachment;
  }

  /** Attaches with the certificate of now; the stream that there is answers until that is done. */
  public void renew() {
    synchronized (this) {
      renewals++;
      if (ready != null) {
        guarded(this::connect); // without one, to attach makes it
      }
    }
    later(Duration.ZERO, this::attach);
  }

  private void tell(Consumer<Attachment> news) {
    Attachment one;
    Attachment other;
    synchronized (this) {
      one = current;
      other = next;
    }
    if (one != null) {
      news.accept(one);
    }
    if (other != null) {
      news.accept(other);
    }
  }

  private void welcomed(Attachment which) {
    Attachment old = null;
    synchronized (this) {
      failures = 0;
      which.welcomed = true;
      if (which == next) {
        old = current;
        leaving = old;
        current = which;
        next = null;
      }
    }
    if (old != null) {
      later(GRACE, old::cancel);
    }
    attach();
  }

  /**
   * @param refused the server said so
   */
  private void ended(Attachment which, String why, boolean refused) {
    which.connection.close();
    Duration delay;
    boolean detached;
    synchronized (this) {
      if (closed) {
        return;
      }
      if (!which.welcomed
          && !refused
          && which.usable
          && which.connection instanceof ServerConnection.InFrames frames) {
        noFrames = frames.socket();
        noFramesUntil = System.nanoTime() + NO_FRAMES.toNanos();
      }
      if (which == leaving) {
        leaving = null;
        attach();
        return;
      }
      if (which == next) {
        next = null;
      } else if (which == current) {
        current = null;
        if (next != null) {
          return; // which is on its way
        }
      } else {
        return;
      }
      detached = current == null;
      delay = delay();
    }
    try {
      if (detached) {
        view.guard().gone(server.toString());
      }
      events.accept(
          detached
              ? new Event.Detached(server, why, delay.toMillis())
              : new Event.NotRenewed(server, why, delay.toMillis()));
    } finally {
      later(delay, this::attach); // nobody else would
    }
  }

  private synchronized Duration delay() {
    var doubled = FIRST_RETRY.toMillis() << Math.min(failures++, MAX_DOUBLINGS);
    var half = Math.min(doubled, LAST_RETRY.toMillis()) / 2;
    var jittered = half + ThreadLocalRandom.current().nextLong(half + 1);
    return Duration.ofMillis(Math.max(FIRST_RETRY.toMillis(), jittered));
  }

  /** One call of Attach, on a connection of its own. */
  private final class Attachment implements ClientResponseObserver<BridgeMessage, ServerMessage> {
    private final int renewal;
    private final ServerConnection connection;
    private final boolean usable = credentials.usable().getAsBoolean();
    private boolean welcomed; // guarded by the stream
    private @Nullable ClientCallStreamObserver<BridgeMessage> call;
    private @Nullable Outbox outbox;
    private @Nullable List<NodeView.Pod> told; // guarded by this
    private volatile long toldChanges = -1; // of the pods; written under this
    private List<Object> toldWorks = List.of(); // guarded by this
    private boolean greeted; // guarded by this
    private boolean readsOpeners; // guarded by this
    private NodeView.@Nullable OpenerTable openersTold; // guarded by this
    private boolean openersWanted; // once more; guarded by this
    private List<PodGuard> statesTold = List.of(); // guarded by this
    private List<GuardEvent> eventsTold = List.of(); // guarded by this

    private Attachment(int renewal, ServerConnection connection) {
      this.renewal = renewal;
      this.connection = connection;
    }

    private void start() {
      connection.attach(this);
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<BridgeMessage> call) {
      this.call = call;
      var created = new Outbox(call, view.guard());
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
          greeted();
          sendPods(true);
          sendStatus(true);
        }
        outbox.flush();
      }
    }

    private synchronized void greeted() {
      greeted = true;
    }

    private synchronized void sendPods(boolean again) {
      var changes = view.podChanges(); // before the pods, which may have changed once more
      var pods = view.pods();
      var out = outbox;
      if (out != null && greeted) {
        if (again || !pods.equals(told)) {
          told = pods;
          out.pods(Messages.pods(pods));
        }
        toldChanges = changes;
      }
    }

    /** What works is told at once, counts are not. */
    private synchronized void sendStatus(boolean again) {
      var status = view.status();
      var works = works(status);
      var out = outbox;
      if (out != null && greeted && (again || !works.equals(toldWorks))) {
        toldWorks = works;
        out.status(Messages.status(status));
      }
    }

    private static List<Object> works(NodeView.Status status) {
      return List.of(status.rung(), status.canaryOk(), status.guard());
    }

    private synchronized void sendReport() {
      var states = view.guard().states();
      var seen = view.guard().events();
      var out = outbox;
      if (out != null && greeted && !(states.equals(statesTold) && seen.equals(eventsTold))) {
        statesTold = states;
        eventsTold = seen;
        out.report(
            GuardMessages.report(states, seen, view.guard().totals(), view.guard().destroyed()),
            seen);
      }
    }

    /** Whatever else is said says them too. */
    private void sendNames() {
      var out = outbox;
      if (out != null) {
        out.flush();
      }
    }

    /** To a server that reads them; when they cannot be relied on any more it is told so too. */
    private synchronized void sendOpeners() {
      var openers = view.openers();
      var out = outbox;
      if (out == null
          || !readsOpeners
          || (!openersWanted && Objects.equals(openers, openersTold))
          || !(connection instanceof ServerConnection.InFrames frames)) {
        return;
      }
      openersTold = openers;
      openersWanted = false;
      out.openers(Messages.openers(openers));
      if (openers == null) {
        return;
      }
      try {
        frames.handOver(openers.descriptor());
      } catch (KernelException e) {
        LOG.log(System.Logger.Level.WARNING, "the table of openers is not handed over", e);
      }
    }

    private synchronized void openersWanted() {
      openersWanted = true; // in a moment, or that there is none by then
    }

    @Override
    public void onNext(ServerMessage message) {
      switch (message.getMessageCase()) {
        case WELCOME -> welcome(message.getWelcome());
        case QUERY -> query(message.getQuery());
        case GUARD_POLICIES -> guard(message.getGuardPolicies());
        case REVOCATION -> revoke(message.getRevocation());
        case UNASKED -> unasked(message.getUnasked());
        case OPENERS_WANTED -> openersWanted();
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
      BridgeStream.this.welcomed(this);
      events.accept(new Event.Attached(server, welcome.getServerVersion()));
      synchronized (this) {
        readsOpeners = welcome.getReadsOpeners();
      }
      sendOpeners();
    }

    private void unasked(Unasked unasked) {
      try {
        workers.execute(this, () -> guarded(() -> view.unasked(Messages.unasked(unasked))));
      } catch (RejectedExecutionException _) {
        // connections whose addresses may be taken for the proxy's own, if it resets them
      }
    }

    private void guard(GuardPolicies policies) {
      var read = new HashMap<String, GuardPolicy>();
      for (var policy : policies.getPoliciesList()) {
        try {
          read.put(policy.getPodId(), GuardMessages.policy(policy));
        } catch (IllegalArgumentException e) {
          LOG.log(
              System.Logger.Level.WARNING,
              "a policy of the guard is not taken, the one before stays",
              e);
        }
      }
      view.guard().said(server.toString(), read);
    }

    private void revoke(Revocation revocation) {
      var connections = GuardMessages.connections(revocation, BootClock.nanos());
      try {
        workers.execute(
            this, () -> guarded(() -> view.guard().revoke(connections, () -> done(revocation))));
      } catch (RejectedExecutionException _) {
        LOG.log(
            System.Logger.Level.WARNING,
            "the bridge is overloaded: connections that lost their permission stay open until the"
                + " next stream");
      }
    }

    private void done(Revocation revocation) {
      var out = outbox;
      if (out != null && revocation.getId() != 0) {
        out.done(GuardMessages.done(revocation));
      }
    }

    private void query(Query query) {
      if (isAnsweredAtHand(query)) {
        return;
      }
      try {
        workers.execute(query.getSourceAddress(), () -> reply(query));
      } catch (RejectedExecutionException _) {
        send(
            query.getId(),
            nothing(query, "the bridge has too many questions, of this pod or of all"));
      }
    }

    /**
     * Answers here what needs no waiting, which spares waking another thread, and it this one. That
     * takes half of the time of the thread that reads at most: where a pod asks much, the others'
     * questions come to the workers, who take turns.
     */
    private boolean isAnsweredAtHand(Query query) {
      var answersAgain = ANSWERS_AGAIN.get();
      var began = System.nanoTime();
      if (began - answersAgain[0] < 0 || view.podChanges() != toldChanges) {
        return false;
      }
      var answer = atHand(query);
      if (answer != null) {
        send(query.getId(), answer);
      }
      var now = System.nanoTime();
      answersAgain[0] = now + (now - began);
      return answer != null;
    }

    private NodeView.@Nullable Answer atHand(Query query) {
      try {
        var answer = view.atHand(Messages.question(query));
        return view.podChanges() == toldChanges ? answer : null; // else pods are told first
      } catch (RuntimeException _) {
        return null; // what is wrong is said by whoever answers it
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
      if (view.podChanges() != toldChanges) {
        sendPods(false); // a pod that the question made known is told before its answer
      }
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
      var status = Status.fromThrowable(failure);
      end(words(status), status.getCode() != Status.Code.UNAVAILABLE);
    }

    @Override
    public void onCompleted() {
      end("the server ended the stream", true);
    }

    private void end(String why, boolean refused) {
      var out = outbox;
      if (out != null) {
        out.end();
      }
      ended(this, why, refused);
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
    var open = new ArrayList<Attachment>();
    synchronized (this) {
      closed = true;
      if (ready != null) {
        ready.close();
        ready = null;
      }
      for (var attachment : Arrays.asList(current, next, leaving)) {
        if (attachment != null) {
          open.add(attachment);
        }
      }
    }
    timer.shutdownNow();
    for (var attachment : open) {
      attachment.cancel();
      attachment.connection.close();
    }
    view.guard().forget(hearer); // last: the view may be what failed
  }
}
