package io.kith.server.bridge;

import static java.util.Objects.requireNonNull;

import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.BridgeServiceGrpc;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.ServerMessage;
import io.kith.bridge.v1.Welcome;
import io.kith.server.check.Peer;
import io.kith.server.check.Untrusted;
import java.time.InstantSource;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** Where identity bridges attach: {@code bridge.proto} says how. */
public final class BridgeService extends BridgeServiceGrpc.BridgeServiceImplBase {
  /** Octets that may wait in a stream; with many more it ends, since the bridge does not read. */
  public static final int READY = StreamWriter.READY;

  private static final int PROTOCOL_VERSION = 1;
  private static final int MAX_NODE = 253;
  private static final Context.Key<Peer> PEER = Context.key("kith-bridge-peer");

  private final BridgeHub hub;
  private final List<SpiffeIdPattern> bridgeIds;
  private final String serverVersion;
  private final InstantSource clock;

  /**
   * @param bridgeIds who may attach; empty: nobody
   * @param serverVersion for people
   */
  public BridgeService(
      BridgeHub hub, List<SpiffeIdPattern> bridgeIds, String serverVersion, InstantSource clock) {
    this.hub = requireNonNull(hub, "hub");
    this.bridgeIds = List.copyOf(bridgeIds);
    this.serverVersion = requireNonNull(serverVersion, "serverVersion");
    this.clock = requireNonNull(clock, "clock");
  }

  /** Whether somebody is one of the bridges that may attach. */
  public boolean mayAttach(Peer peer) {
    var id = peer.id();
    return id != null && mayAttach(id);
  }

  private boolean mayAttach(SpiffeId id) {
    return bridgeIds.stream().anyMatch(pattern -> pattern.matches(id));
  }

  /** With the TLS peer of each call put where {@link #attach} finds it. */
  public ServerServiceDefinition definition() {
    return ServerInterceptors.intercept(
        bindService(),
        new ServerInterceptor() {
          @Override
          public <Q, R> ServerCall.Listener<Q> interceptCall(
              ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
            return Contexts.interceptCall(
                Context.current().withValue(PEER, Peer.of(call.getAttributes())),
                call,
                headers,
                next);
          }
        });
  }

  @Override
  public StreamObserver<BridgeMessage> attach(StreamObserver<ServerMessage> responses) {
    var call = (ServerCallStreamObserver<ServerMessage>) responses;
    call.setOnReadyThreshold(READY);
    var stream = attach(PEER.get(), responses, call::isReady);
    call.setOnCancelHandler(() -> stream.onError(Status.CANCELLED.asException()));
    return stream;
  }

  /**
   * The same for a stream that is not gRPC's.
   *
   * @param peer who has opened it
   * @param ready whether no more than {@link #READY} octets wait in it
   * @return is told of its end once, by {@code onError} when it was cut
   */
  public StreamObserver<BridgeMessage> attach(
      Peer peer, StreamObserver<ServerMessage> responses, BooleanSupplier ready) {
    return attach(peer, responses, ready, null);
  }

  /**
   * The same.
   *
   * @param tables where its table of openers is handed over; null: none is read
   */
  public StreamObserver<BridgeMessage> attach(
      Peer peer,
      StreamObserver<ServerMessage> responses,
      BooleanSupplier ready,
      @Nullable OpenerTables tables) {
    var stream = new Stream(peer, responses, ready, tables);
    stream.admit();
    return stream;
  }

  /** A stream before and after its Hello. */
  private final class Stream implements StreamObserver<BridgeMessage> {
    private final Peer peer;
    private final StreamWriter<ServerMessage> out;
    private final @Nullable OpenerTables tables;
    private volatile @Nullable AttachedBridge bridge; // by others who write
    private boolean refused;

    Stream(
        Peer peer,
        StreamObserver<ServerMessage> responses,
        BooleanSupplier ready,
        @Nullable OpenerTables tables) {
      this.peer = peer;
      this.out = new StreamWriter<>(responses, ready, this::gone);
      this.tables = tables;
    }

    void admit() {
      var now = clock.instant();
      var id = peer.idAt(now);
      if (id == null) {
        refuse(Status.UNAUTHENTICATED.withDescription(peer.problemAt(now)));
      } else if (!mayAttach(id)) {
        refuse(
            Status.PERMISSION_DENIED.withDescription(
                id + " is no identity bridge (see server.bridgeIds)"));
      }
    }

    private void refuse(Status why) {
      refused = true;
      out.fail(why);
    }

    @Override
    public void onNext(BridgeMessage message) {
      if (refused) {
        return;
      }
      if (bridge == null) {
        if (message.hasHello()) {
          hello(message.getHello());
        } else {
          refuse(
              Status.FAILED_PRECONDITION.withDescription(
                  "the first message is " + message.getMessageCase() + " (expected: HELLO)"));
        }
        return;
      }
      var now = clock.instant();
      if (peer.idAt(now) == null) {
        refused = true;
        bridge.end(Status.UNAUTHENTICATED.withDescription(peer.problemAt(now) + " (attach again)"));
        return;
      }
      switch (message.getMessageCase()) {
        case POD_UPDATE -> bridge.registers(message.getPodUpdate(), now);
        case FINGERPRINT -> bridge.described(message.getFingerprint());
        case ANSWER -> bridge.answered(message.getAnswer());
        case NODE_STATUS -> bridge.told(message.getNodeStatus());
        case HELLO ->
            bridge.end(Status.FAILED_PRECONDITION.withDescription("a second HELLO on one stream"));
        case GUARD_REPORT -> bridge.guarded(message.getGuardReport());
        case DNS_ANSWERS -> bridge.heard(message.getDnsAnswers());
        case REVOCATION_DONE -> bridge.revoked(message.getRevocationDone());
        case OPENER_TABLE -> bridge.named(message.getOpenerTable());
        case MESSAGE_NOT_SET -> {
          // of a later version of the protocol, which only adds
        }
      }
    }

    private void hello(Hello hello) {
      if (hello.getProtocolVersion() < PROTOCOL_VERSION) {
        refuse(
            Status.FAILED_PRECONDITION.withDescription(
                "protocol version "
                    + Integer.toUnsignedString(hello.getProtocolVersion())
                    + " (expected: "
                    + PROTOCOL_VERSION
                    + " or later)"));
        return;
      }
      var node = hello.getNode();
      if (node.isBlank()
          || node.length() > MAX_NODE
          || !node.equals(Untrusted.plain(node, MAX_NODE))) {
        refuse(
            Status.FAILED_PRECONDITION.withDescription(
                "node: " + Untrusted.quoted(node) + " (expected: a name of 1 to 253 characters)"));
        return;
      }
      var attached =
          new AttachedBridge(hub, peer, hello, clock.instant(), out, tables, System::nanoTime);
      var problem = hub.attach(attached);
      if (problem != null) {
        refuse(Status.PERMISSION_DENIED.withDescription(problem));
        return;
      }
      bridge = attached;
      out.write(
          ServerMessage.newBuilder()
              .setWelcome(
                  Welcome.newBuilder()
                      .setProtocolVersion(PROTOCOL_VERSION)
                      .setServerVersion(serverVersion)
                      .setReadsOpeners(tables != null))
              .build());
    }

    @Override
    public void onError(Throwable thrown) {
      gone("the stream was cut");
    }

    @Override
    public void onCompleted() {
      gone("the bridge ended the stream");
      out.end();
    }

    void gone(String why) {
      if (bridge != null) {
        bridge.gone(why);
      }
    }
  }
}
