package io.kith.server.bridge;

import com.google.protobuf.ByteString;
import io.grpc.Status;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;
import io.kith.bridge.v1.Answer;
import io.kith.bridge.v1.Connection;
import io.kith.bridge.v1.DnsAnswers;
import io.kith.bridge.v1.Fingerprint;
import io.kith.bridge.v1.GuardPolicies;
import io.kith.bridge.v1.GuardPolicy;
import io.kith.bridge.v1.GuardReport;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.NodeStatus;
import io.kith.bridge.v1.Pod;
import io.kith.bridge.v1.PodUpdate;
import io.kith.bridge.v1.Protocol;
import io.kith.bridge.v1.Query;
import io.kith.bridge.v1.Revocation;
import io.kith.bridge.v1.ServerMessage;
import io.kith.server.check.Deadlines;
import io.kith.server.check.Peer;
import io.kith.server.check.SocketQuery;
import io.kith.server.check.Untrusted;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * One stream of one bridge, from its Hello to its end.
 *
 * <p>Messages of the bridge come one after the other; questions come from any thread.
 */
final class AttachedBridge {
  /** Questions that one bridge may leave unanswered at a time. */
  static final int MAX_WAITING = 10_000;

  private static final int MAX_IN_MESSAGE = 1_024;

  private final BridgeHub hub;
  private final Peer peer;
  private final Hello hello;
  private final Instant since;
  private final StreamWriter<ServerMessage> out;
  private final Fingerprints fingerprints = new Fingerprints();
  private final AnswerReader answers = new AnswerReader(fingerprints);
  private final ConcurrentHashMap<Long, Question> waiting = new ConcurrentHashMap<>();
  private final AtomicLong nextId = new AtomicLong();
  private final HeardNames names = new HeardNames(System::nanoTime);
  private final Map<String, GuardPolicy> guards = new HashMap<>(); // of GuardDesk's thread

  private volatile NodeStatus status = NodeStatus.getDefaultInstance();
  private volatile List<RegisteredPod> pods = List.of();
  private volatile List<String> refused = List.of();
  private volatile @Nullable AttachedBridge successor;
  private volatile boolean ended;

  AttachedBridge(
      BridgeHub hub, Peer peer, Hello hello, Instant since, StreamWriter<ServerMessage> out) {
    this.hub = hub;
    this.peer = peer;
    this.hello = hello;
    this.since = since;
    this.out = out;
  }

  String node() {
    return hello.getNode();
  }

  Peer peer() {
    return peer;
  }

  /** Whether it attached from the server's own machine: only then loopback means the same. */
  boolean isHere() {
    var address = peer.address();
    return address == null || address.isLoopback(); // none at a Unix socket
  }

  BridgeStatus status() {
    var now = status;
    return new BridgeStatus(
        node(),
        Untrusted.plain(hello.getBridgeVersion()),
        since,
        Enums.rung(now.getRung()),
        now.getProblemsList().stream()
            .limit(50)
            .map(problem -> Untrusted.plain(problem, 500))
            .toList(),
        now.getCanaryOk(),
        pods.size(),
        refused,
        waiting.size(),
        now.getConnectsSeen(),
        now.getEntriesCapacity());
  }

  CompletableFuture<Attribution> ask(SocketQuery query, RegisteredPod pod) {
    if (waiting.size() >= MAX_WAITING) {
      return unavailable("the bridge of " + node() + " has " + MAX_WAITING + " questions waiting");
    }
    var question = new Question(nextId.incrementAndGet(), query, pod);
    waiting.put(question.id, question);
    if (ended) {
      waiting.remove(question.id);
      var next = successor;
      return next == null ? unavailable(gone()) : next.ask(query, pod);
    }
    out.write(question.message());
    hub.deadlines().add(question);
    return question.answer;
  }

  void answered(Answer answer) {
    var question = waiting.get(answer.getQueryId());
    if (question == null) {
      hub.counts().late();
      return;
    }
    question.give(answers.read(answer, question.pod, question.query.spiffeId()));
  }

  /** Takes a description. More than fit end the stream. */
  void described(Fingerprint fingerprint) {
    if (fingerprints.isFull()) {
      end(
          Status.RESOURCE_EXHAUSTED.withDescription(
              "more than " + Fingerprints.MAX + " fingerprints on one stream (attach again)"));
      return;
    }
    fingerprints.add(fingerprint);
  }

  void told(NodeStatus now) {
    status = now;
  }

  void guarded(GuardReport report) {
    hub.guardReports().reported(node(), report, fingerprints);
  }

  void heard(DnsAnswers answers) {
    names.heard(answers.getAnswersList());
  }

  /** The names for which a pod was told this address. */
  Set<String> names(RegisteredPod pod, IpAddress address) {
    return names.of(pod.id(), address);
  }

  List<RegisteredPod> pods() {
    return pods;
  }

  /** Tells the bridge which of these policies are new to it; for one thread. */
  void guards(Map<String, GuardPolicy> policies) {
    var news = new ArrayList<GuardPolicy>();
    policies.forEach(
        (pod, policy) -> {
          if (news.size() < MAX_IN_MESSAGE && !policy.equals(guards.get(pod))) {
            guards.put(pod, policy);
            news.add(policy);
          }
        });
    guards.keySet().retainAll(policies.keySet());
    if (!news.isEmpty()) {
      out.write(
          ServerMessage.newBuilder()
              .setGuardPolicies(GuardPolicies.newBuilder().addAllPolicies(news))
              .build());
    }
  }

  /** Has a connection of a pod ended. */
  void revoke(RegisteredPod pod, OpenFlows.Connection connection) {
    out.write(
        ServerMessage.newBuilder()
            .setRevocation(
                Revocation.newBuilder()
                    .addConnections(
                        Connection.newBuilder()
                            .setPodId(pod.id())
                            .setSourceAddress(
                                ByteString.copyFrom(connection.source().address().bytes()))
                            .setSourcePort(connection.source().port())
                            .setDestinationAddress(
                                ByteString.copyFrom(connection.destination().address().bytes()))
                            .setDestinationPort(connection.destination().port())))
            .build());
  }

  /** Takes the list of its pods in place of the former. */
  void registers(PodUpdate update, Instant now) {
    var problems = new ArrayList<String>();
    var doubtful = new ArrayList<String>();
    var valid = new ArrayList<RegisteredPod>();
    for (var pod : update.getPodsList()) {
      try {
        valid.add(read(pod, PodFacts.read(pod, now, doubtful)));
      } catch (IllegalArgumentException e) {
        problems.add(
            "pod "
                + Untrusted.quoted(pod.getId())
                + ": "
                + Untrusted.plain(String.valueOf(e.getMessage()), 300));
      }
    }
    names.keep(valid.stream().map(RegisteredPod::id).collect(Collectors.toSet()));
    problems.addAll(hub.register(this, valid));
    pods = List.copyOf(valid); // who sees them here can ask about them
    hub.doubted(node(), doubtful);
    problems.addAll(doubtful);
    refused = List.copyOf(problems);
  }

  private static RegisteredPod read(Pod pod, PodFacts facts) {
    var ids = new HashSet<SpiffeId>();
    pod.getSpiffeIdsList().forEach(id -> ids.add(SpiffeId.parse(id)));
    return new RegisteredPod(
        Untrusted.plain(pod.getId()),
        pod.getAddressesList().stream().map(bytes -> IpAddress.of(bytes.toByteArray())).toList(),
        ids,
        facts);
  }

  /** Ends the stream in favour of a newer one, which is asked all that was not answered here. */
  void handOverTo(AttachedBridge newer) {
    successor = newer;
    ended = true;
    for (var question : waiting.values()) {
      if (waiting.remove(question.id, question)) {
        var _ =
            newer
                .ask(question.query, question.pod)
                .whenComplete((attribution, _) -> question.give(attribution));
      }
    }
    end(Status.ABORTED.withDescription("the bridge attached again"));
  }

  /** Ends the stream from this side. */
  void end(Status why) {
    out.fail(why);
    gone(why.getDescription() == null ? why.getCode().toString() : why.getDescription());
  }

  /** The stream has ended: all that wait hear of it at once. */
  void gone(String why) {
    ended = true;
    hub.detach(this, why);
    waiting.values().forEach(question -> question.give(new Attribution.BridgeUnavailable(gone())));
  }

  private String gone() {
    return "the bridge of " + node() + " went away";
  }

  private static CompletableFuture<Attribution> unavailable(String why) {
    return CompletableFuture.completedFuture(new Attribution.BridgeUnavailable(why));
  }

  /** A question that waits for its answer. */
  private final class Question implements Deadlines.Entry {
    private final long id;
    private final SocketQuery query;
    private final RegisteredPod pod;
    private final long deadlineNanos;
    private final CompletableFuture<Attribution> answer = new CompletableFuture<>();

    Question(long id, SocketQuery query, RegisteredPod pod) {
      this.id = id;
      this.query = query;
      this.pod = pod;
      this.deadlineNanos = System.nanoTime() + query.timeout().toNanos();
    }

    ServerMessage message() {
      return ServerMessage.newBuilder()
          .setQuery(
              Query.newBuilder()
                  .setId(id)
                  .setProtocol(
                      switch (query.protocol()) {
                        case TCP -> Protocol.PROTOCOL_TCP;
                        case UDP -> Protocol.PROTOCOL_UDP;
                      })
                  .setSourceAddress(ByteString.copyFrom(query.source().address().bytes()))
                  .setSourcePort(query.source().port())
                  .setDestinationAddress(ByteString.copyFrom(query.destination().address().bytes()))
                  .setDestinationPort(query.destination().port())
                  .setSpiffeId(query.spiffeId().toString())
                  .setTimeoutMillis((int) Math.max(1, query.timeout().toMillis())))
          .build();
    }

    void give(Attribution attribution) {
      waiting.remove(id);
      answer.complete(attribution);
    }

    @Override
    public long deadlineNanos() {
      return deadlineNanos;
    }

    @Override
    public boolean isDone() {
      return answer.isDone();
    }

    @Override
    public void expire() {
      hub.counts().timedOut();
      give(
          new Attribution.BridgeUnavailable(
              "the bridge of "
                  + node()
                  + " did not answer within "
                  + query.timeout().toMillis()
                  + " ms"));
    }
  }
}
