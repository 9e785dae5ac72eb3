package io.kith.server.rpc;

import io.grpc.netty.shaded.io.netty.buffer.ByteBuf;
import io.grpc.netty.shaded.io.netty.buffer.ByteBufUtil;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.AbstractHttp2ConnectionHandlerBuilder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2Connection;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2RemoteFlowController;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Connection;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2ConnectionAdapter;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2ConnectionDecoder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2ConnectionEncoder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2ConnectionHandler;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Error;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Exception;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2FrameAdapter;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Headers;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Settings;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Stream;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.UniformStreamByteDistributor;
import io.grpc.netty.shaded.io.netty.util.concurrent.Future;
import io.kith.baselines.decision.Reason;
import io.kith.server.check.BoundedLog;
import io.kith.server.check.ExtAuthzService;
import io.kith.server.check.Peer;
import io.kith.server.check.Sidecars;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * A connection of an Envoy: its streams are Checks.
 *
 * <p>All but {@link #send} runs on the thread of its loop. What is answered there while frames are
 * read leaves with everything else that was answered by then, in one piece. Of what is answered
 * there later, such as by the bridge of the node, the first leaves at once, and what follows it
 * soon in one piece, as does what other threads answer.
 */
final class CheckConnection extends Http2ConnectionHandler {
  private static final Logger LOG = Logger.getLogger(CheckConnection.class.getName());
  private static final BoundedLog ENDED = new BoundedLog(CheckConnection.class, 1);

  /** Tells of each frame that still comes for a stream that was reset, however many there are. */
  private static final Logger FRAMES =
      Logger.getLogger(
          "io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2ConnectionDecoder");

  static {
    FRAMES.setLevel(Level.WARNING);
  }

  /** As gRPC for Java: a burst of large Checks is not held up. */
  private static final int WINDOW = 1 << 20;

  /**
   * Checks at a time: what waits for an answer, or for a client that does not take it, is in
   * memory. An Envoy that has more opens another connection.
   */
  static final int MOST_STREAMS = 10_000;

  /**
   * Streams that a peer may reset in ten seconds. A proxy resets each Check that took it too long,
   * all at once when the server was stuck; one is no dearer than an answer.
   */
  static final int MOST_RESETS = 50_000;

  private static final Duration RESETS = Duration.ofSeconds(10);

  /**
   * Answers that may wait for a client that was patiently waited for, for each that it took
   * meanwhile. Who takes one now and then could hold ten thousand.
   */
  private static final int MOST_LATE = 10;

  /** What the answer to our ping has to carry. */
  private static final long GOING_AWAY = 0x6b697468L;

  private static final Duration PING_PATIENCE = Duration.ofSeconds(10);

  /** What a connection is told by its listener. */
  enum Event {
    /** To take no further Checks, and to end when those that it has are answered. */
    GO_AWAY
  }

  private final Peer peer;
  private final Sidecars.Connection sidecar = new Sidecars.Connection();
  private final CheckListener.Limits limits;
  private final Unfinished unfinished;
  private final ExtAuthzService service;
  private final Http2Connection.PropertyKey streamKey;
  private final Queue<CheckStream> answered = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean draining = new AtomicBoolean();
  private @Nullable ChannelHandlerContext context;
  private @Nullable Future<?> age;
  private int unfinishedHere;

  /** The last that began, if it is open: its body is on its way behind its headers. */
  private @Nullable CheckStream newest;

  private boolean watching;
  private int takenHere;
  private boolean reading;
  private boolean goingAway;
  private boolean gone;

  private CheckConnection(
      Http2ConnectionDecoder decoder,
      Http2ConnectionEncoder encoder,
      Http2Settings settings,
      Peer peer,
      CheckListener.Limits limits,
      Unfinished unfinished,
      ExtAuthzService service) {
    super(decoder, encoder, settings);
    this.peer = peer;
    this.limits = limits;
    this.unfinished = unfinished;
    this.service = service;
    this.streamKey = connection().newKey();
    connection()
        .addListener(
            new Http2ConnectionAdapter() {
              @Override
              public void onStreamClosed(Http2Stream stream) {
                if (stream.getProperty(streamKey) instanceof CheckStream check) {
                  takenHere++;
                  if (check == newest) {
                    newest = null;
                  }
                  check.drop();
                  service.cancelled(check);
                }
              }
            });
  }

  /** For a connection of this peer. */
  static CheckConnection of(
      Peer peer, CheckListener.Limits limits, Unfinished unfinished, ExtAuthzService service) {
    return new Builder(peer, limits, unfinished, service).build();
  }

  private static final class Builder
      extends AbstractHttp2ConnectionHandlerBuilder<CheckConnection, Builder> {
    private final Peer peer;
    private final CheckListener.Limits limits;
    private final Unfinished unfinished;
    private final ExtAuthzService service;

    Builder(
        Peer peer, CheckListener.Limits limits, Unfinished unfinished, ExtAuthzService service) {
      this.peer = peer;
      this.limits = limits;
      this.unfinished = unfinished;
      this.service = service;
      // Without the priorities of streams, which nobody gives and which cost a tree to keep.
      var http2 = new DefaultHttp2Connection(true);
      http2
          .remote()
          .flowController(
              new DefaultHttp2RemoteFlowController(http2, new UniformStreamByteDistributor(http2)));
      connection(http2);
      initialSettings(
          Http2Settings.defaultSettings()
              .initialWindowSize(WINDOW)
              .maxConcurrentStreams(MOST_STREAMS)
              .maxHeaderListSize(limits.metadataBytes()));
      // What is not well-formed of a header is of no use here: those that are looked for are plain.
      validateHeaders(false);
      decoderEnforceMaxRstFramesPerWindow(MOST_RESETS, (int) RESETS.toSeconds());
      encoderEnforceMaxRstFramesPerWindow(MOST_RESETS, (int) RESETS.toSeconds());
      gracefulShutdownTimeoutMillis(limits.ageGrace().toMillis());
    }

    @Override
    protected CheckConnection build() {
      return super.build();
    }

    @Override
    protected CheckConnection build(
        Http2ConnectionDecoder decoder, Http2ConnectionEncoder encoder, Http2Settings settings) {
      var connection =
          new CheckConnection(decoder, encoder, settings, peer, limits, unfinished, service);
      frameListener(connection.new Frames());
      return connection;
    }
  }

  // ---- life

  @Override
  public void handlerAdded(ChannelHandlerContext added) throws Exception {
    context = added;
    super.handlerAdded(added);
    var most = limits.connectionAge().toNanos();
    var tenth = most / 10;
    age =
        added
            .executor()
            .schedule(
                this::leave,
                most - tenth + ThreadLocalRandom.current().nextLong(2 * tenth + 1),
                TimeUnit.NANOSECONDS);
    if (added.channel().isActive()) {
      widen();
    }
  }

  @Override
  public void channelActive(ChannelHandlerContext active) throws Exception {
    super.channelActive(active);
    widen();
  }

  /** The settings widen streams only. */
  private void widen() throws Http2Exception {
    var flow = connection().local().flowController();
    var whole = connection().connectionStream();
    flow.incrementWindowSize(whole, WINDOW - flow.initialWindowSize(whole));
    flush(context());
  }

  @Override
  public void channelInactive(ChannelHandlerContext inactive) throws Exception {
    if (age != null) {
      age.cancel(false);
    }
    super.channelInactive(inactive);
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext told, Object event) throws Exception {
    if (event == Event.GO_AWAY) {
      leave();
    } else {
      super.userEventTriggered(told, event);
    }
  }

  /**
   * Says first that no stream is welcome any more without refusing one, and refuses when what was
   * sent before that arrived must be here: nothing that is on its way is lost.
   */
  private void leave() {
    if (goingAway) {
      return;
    }
    goingAway = true;
    var at = context();
    goAway(at, Integer.MAX_VALUE);
    var _ = encoder().writePing(at, false, GOING_AWAY, at.newPromise());
    flush(at);
    var _ = at.executor().schedule(this::end, PING_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
  }

  private void end() {
    if (gone) {
      return;
    }
    gone = true;
    var at = context();
    goAway(at, connection().remote().lastStreamCreated());
    var _ = at.channel().close(); // waits for open streams
  }

  private void goAway(ChannelHandlerContext at, int lastStream) {
    var _ =
        goAway(
            at,
            lastStream,
            Http2Error.NO_ERROR.code(),
            ByteBufUtil.writeAscii(at.alloc(), "max_age"),
            at.newPromise());
  }

  @Override
  public void channelRead(ChannelHandlerContext at, Object message) throws Exception {
    reading = true;
    super.channelRead(at, message);
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext at) throws Exception {
    reading = false;
    super.channelReadComplete(at); // flushes
  }

  /** Answers that the peer does not take fill memory: nothing more is read from it meanwhile. */
  @Override
  public void channelWritabilityChanged(ChannelHandlerContext at) throws Exception {
    at.channel().config().setAutoRead(at.channel().isWritable());
    super.channelWritabilityChanged(at);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext at, Throwable cause) throws Exception {
    if (cause instanceof java.io.IOException) {
      LOG.log(Level.FINE, cause, () -> "connection of " + at.channel().remoteAddress());
      var _ = at.channel().close();
    } else {
      super.exceptionCaught(at, cause);
    }
  }

  private ChannelHandlerContext context() {
    var added = context;
    if (added == null) {
      throw new IllegalStateException("not added");
    }
    return added;
  }

  // ---- answers

  /** Sends what a stream was answered; on any thread. */
  void send(CheckStream stream) {
    var at = context();
    var here = at.executor().inEventLoop();
    if (here && reading) {
      write(at, stream);
    } else if (here && draining.compareAndSet(false, true)) {
      at.executor().execute(this::drain); // for what follows; first, whatever becomes of this one
      write(at, stream);
      flush(at); // the peer reads it while the rest of what this thread has to do is done
    } else {
      answered.add(stream);
      if (draining.compareAndSet(false, true)) {
        at.executor().execute(this::drain);
      }
    }
  }

  private void drain() {
    draining.set(false); // first: what is added from now on comes again
    var at = context();
    var next = answered.poll();
    if (next == null) {
      return;
    }
    for (; next != null; next = answered.poll()) {
      write(at, next);
    }
    flush(at);
  }

  private void write(ChannelHandlerContext at, CheckStream stream) {
    if (connection().stream(stream.id()) != null) {
      stream.write(at, encoder());
    }
  }

  /** Ends a stream with no more than headers, and asks for no more of it. */
  private void refuse(ChannelHandlerContext at, int id, Http2Headers headers) {
    var _ = encoder().writeHeaders(at, id, headers, 0, true, at.newPromise());
    reset(at, id);
  }

  /** Asks for no more of a stream that was ended on this side. */
  void reset(ChannelHandlerContext at, int id) {
    if (connection().stream(id) != null) { // which has not ended on its side
      var _ = resetStream(at, id, Http2Error.NO_ERROR.code(), at.newPromise());
    }
  }

  // ---- Checks that do not come whole, and answers that are not taken

  /** Takes room for a part of a Check, to be given back; false when there is not as much. */
  boolean take(int more) {
    if (more > limits.unfinishedOfConnection() - unfinishedHere || !unfinished.take(more)) {
      return false;
    }
    unfinishedHere += more;
    return true;
  }

  void giveBack(int count) {
    unfinishedHere -= count;
    unfinished.giveBack(count);
  }

  /** Looks after a while whether what began came to its end; not where nothing is asked. */
  private void watch(ChannelHandlerContext at) {
    watching = true;
    takenHere = 0;
    var _ =
        at.executor()
            .schedule(this::endUnfinished, limits.patience().toNanos(), TimeUnit.NANOSECONDS);
  }

  private void endUnfinished() {
    watching = false;
    var at = context();
    var now = System.nanoTime();
    var taken = takenHere;
    var open = new ArrayList<CheckStream>();
    try {
      connection()
          .forEachActiveStream(
              stream -> {
                if (stream.getProperty(streamKey) instanceof CheckStream check) {
                  open.add(check);
                }
                return true;
              });
    } catch (Http2Exception e) {
      throw new AssertionError(e); // of the visitor, which throws none
    }
    var untaken = 0L;
    for (var check : open) {
      untaken += check.isLate() ? 1 : 0;
    }
    if (untaken > (long) MOST_LATE * taken) {
      endUntaken(at, untaken);
      return;
    }
    if (!open.isEmpty()) {
      watch(at);
    }
    for (var check : open) {
      if (check.isUnfinished() && now - check.startedNanos() >= limits.patience().toNanos()) {
        check.cut(
            new Reason.Malformed("not whole after " + limits.patience().toMillis() + " ms"),
            service);
      }
    }
  }

  /**
   * What a client does not take is held until its stream ends: with flow control neither the
   * channel nor the system is full of it, so the client is read on.
   */
  private void endUntaken(ChannelHandlerContext at, long untaken) {
    unfinished.endedUntaken();
    ENDED.log(
        Level.WARNING,
        "connection ended: answers to its Checks are not taken",
        Map.of(
            "spiffe_id", peer.id() == null ? "" : peer.id().toString(),
            "address", String.valueOf(at.channel().remoteAddress()),
            "answers", Long.toString(untaken)),
        null);
    var _ =
        goAway(
            at,
            connection().remote().lastStreamCreated(),
            Http2Error.ENHANCE_YOUR_CALM.code(),
            ByteBufUtil.writeAscii(at.alloc(), "not_taken"),
            at.newPromise());
    flush(at);
    var _ = at.close(); // of what is open nothing is waited for
  }

  private final class Frames extends Http2FrameAdapter {
    @Override
    public void onHeadersRead(
        ChannelHandlerContext at,
        int id,
        Http2Headers headers,
        int dependency,
        short weight,
        boolean exclusive,
        int padding,
        boolean last) {
      onHeadersRead(at, id, headers, padding, last);
    }

    @Override
    public void onHeadersRead(
        ChannelHandlerContext at, int id, Http2Headers headers, int padding, boolean last) {
      var stream = connection().stream(id);
      if (stream == null) {
        return; // refused
      }
      if (stream.getProperty(streamKey) instanceof CheckStream check) {
        if (last) {
          check.end(limits.messageBytes(), service); // trailers
        }
        return;
      }
      var refusal = GrpcHeaders.refusal(headers);
      if (refusal != null) {
        refuse(at, id, refusal);
        return;
      }
      var check = CheckStream.of(CheckConnection.this, id, peer, sidecar, headers);
      stream.setProperty(streamKey, check);
      if (!watching) {
        watch(at);
      }
      if (last) {
        check.end(limits.messageBytes(), service);
      } else {
        check.begin(service);
        var before = newest;
        newest = check;
        if (before != null) { // an Envoy sends a Check whole before most others begin
          before.count(service);
        }
      }
    }

    @Override
    public int onDataRead(
        ChannelHandlerContext at, int id, ByteBuf data, int padding, boolean last) {
      var taken = data.readableBytes() + padding;
      var stream = connection().stream(id);
      if (stream != null && stream.getProperty(streamKey) instanceof CheckStream check) {
        check.read(data, last, limits.messageBytes(), service);
      }
      return taken;
    }

    @Override
    public void onPingAckRead(ChannelHandlerContext at, long data) {
      if (goingAway && data == GOING_AWAY) {
        end();
      }
    }
  }
}
