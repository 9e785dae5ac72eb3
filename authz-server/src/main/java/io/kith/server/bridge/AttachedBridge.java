package io.kith.server.bridge;

import io.grpc.Status;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;
import io.kith.bridge.v1.Answer;
import io.kith.bridge.v1.DnsAnswers;
import io.kith.bridge.v1.Fingerprint;
import io.kith.bridge.v1.GuardPolicies;
import io.kith.bridge.v1.GuardPolicy;
import io.kith.bridge.v1.GuardReport;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.NodeStatus;
import io.kith.bridge.v1.OpenerTable;
import io.kith.bridge.v1.OpenersWanted;
import io.kith.bridge.v1.Pod;
import io.kith.bridge.v1.PodUpdate;
import io.kith.bridge.v1.RevocationDone;
import io.kith.bridge.v1.ServerMessage;
import io.kith.server.check.BoundedLog;
import io.kith.server.check.KnownConnection;
import io.kith.server.check.Peer;
import io.kith.server.check.SocketQuery;
import io.kith.server.check.Untrusted;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.logging.Level;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One stream of one bridge, from its Hello to its end.
 *
 * <p>Messages of the bridge come one after the other; questions come from any thread.
 */
final class AttachedBridge {
  private static final BoundedLog LOG = new BoundedLog(AttachedBridge.class, 10);
  private static final int MAX_IN_MESSAGE = 1_024;
  private static final ServerMessage OPENERS_WANTED =
      ServerMessage.newBuilder().setOpenersWanted(OpenersWanted.getDefaultInstance()).build();

  /** Of policies in one message: a bridge reads none of more than 4 MiB. */
  private static final int MAX_OCTETS = 1024 * 1024;

  private final BridgeHub hub;
  private final Peer peer;
  private final Hello hello;
  private final Instant since;
  private final StreamWriter<ServerMessage> out;
  private final Fingerprints fingerprints = new Fingerprints();
  private final AnswerReader answers = new AnswerReader(fingerprints);
  private final Questions questions;
  private final @Nullable OpenerTables tables; // null: reads none
  private final Openers openers = new Openers();
  private final UnaskedConnections unasked;
  private final HeardNames names = new HeardNames(System::nanoTime);
  private final Revocations revocations = new Revocations();
  private final Map<String, GuardPolicy> guards = new HashMap<>(); // told; guarded by itself

  // Apart, so that what keeps the one from being told does not hold up the other.
  private volatile Retries guarding;
  private volatile Retries revoking;

  private volatile NodeStatus status = NodeStatus.getDefaultInstance();
  private volatile List<RegisteredPod> pods = List.of();
  private volatile List<String> problems = List.of();
  private volatile List<String> refused = List.of();
  private volatile @Nullable AttachedBridge successor;
  private volatile @Nullable AttachedBridge former;
  private volatile boolean ended;

  /**
   * Of a stream that has just begun.
   *
   * @param nanos as {@link System#nanoTime}, for when it is told again what it could not be told
   */
  AttachedBridge(
      BridgeHub hub,
      Peer peer,
      Hello hello,
      Instant since,
      StreamWriter<ServerMessage> out,
      @Nullable OpenerTables tables,
      LongSupplier nanos) {
    this.hub = hub;
    this.peer = peer;
    this.hello = hello;
    this.since = since;
    this.out = out;
    this.questions = new Questions(hello.getNode(), hub.counts());
    this.tables = tables;
    this.unasked = new UnaskedConnections(hub.deadlines(), this::tell);
    this.guarding = new Retries(nanos);
    this.revoking = new Retries(nanos);
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
        Stream.concat(
                now.getProblemsList().stream().limit(50),
                Stream.of(now.getGuardProblem()).filter(problem -> !problem.isEmpty()))
            .map(problem -> Untrusted.plain(problem, 500))
            .toList(),
        now.getCanaryOk(),
        pods.size(),
        Stream.concat(problems.stream(), refused.stream()).toList(),
        questions.size(),
        now.getConnectsSeen(),
        now.getEntriesCapacity(),
        new BridgeStatus.Containers(
            Integer.toUnsignedLong(now.getContainersDescribed()),
            Integer.toUnsignedLong(now.getContainersNotDescribed()),
            now.getRuntimeFailures(),
            now.getRuntimeContradictions()));
  }

  CompletableFuture<Attribution> ask(
      SocketQuery query, RegisteredPod pod, Consumer<Attribution> late) {
    if (questions.size() >= Questions.MAX_WAITING) {
      return unavailable(
          "the bridge of " + node() + " has " + Questions.MAX_WAITING + " questions waiting");
    }
    var question = questions.add(query, pod, late);
    if (ended) {
      var _ = question.withdraw();
      var next = successor;
      return next == null ? hub.askAnother(query, gone(), late) : next.ask(query, pod, late);
    }
    out.write(question.message());
    hub.deadlines().add(question);
    return question.answer();
  }

  /**
   * What its bridge said a moment ago about the process that opened a connection, by the kernel's
   * table; null when it has to be asked. It is told of the connection, and asked again before that
   * is too old.
   *
   * @param nanos now, by {@link System#nanoTime}
   */
  @Nullable KnownConnection opened(SocketQuery query, RegisteredPod pod, long nanos) {
    if (ended || !status.getCanaryOk()) {
      return null;
    }
    var opener = openers.find(pod, query, nanos);
    if (opener == null) {
      return null;
    }
    var answer = opener.answer();
    var known = KnownConnection.unasked(answer.attribution(), answer.answeredNanos());
    hub.recent().keep(this, pod, query, known);
    if (opener.isForgotten()) { // meanwhile: it must not be found by that any more
      hub.recent().forget(this, pod, query);
      return null;
    }
    unasked.add(pod, query, nanos);
    if (answer.isToBeAskedAgain(nanos, RecentAnswers.KEPT)) {
      var _ = ask(query, pod, _ -> {}); // answered to openers
    }
    return known;
  }

  private void tell(ServerMessage message) {
    if (!ended) {
      out.write(message);
    }
  }

  boolean hasEnded() {
    return ended;
  }

  void answered(Answer answer) {
    var question = questions.find(answer.getQueryId());
    if (question != null) {
      var pod = question.pod();
      var query = question.query();
      var attribution = answers.read(answer, pod, query.spiffeId());
      // First: who found it there looks again whether it still is.
      openers.answered(pod, query, attribution, answer.getOpener(), question.askedNanos());
      var known = new KnownConnection(attribution, question.askedNanos());
      hub.recent().keep(this, pod, query, known);
      question.give(attribution);
      if (fingerprints.isFull()) {
        endFull();
      }
    }
  }

  /** Takes a description. More than fit end the stream. */
  void described(Fingerprint fingerprint) {
    if (fingerprints.isFull()) {
      endFull();
      return;
    }
    fingerprints.add(fingerprint);
  }

  private void endFull() {
    end(
        Status.RESOURCE_EXHAUSTED.withDescription(
            "more than "
                + Fingerprints.MAX
                + " fingerprints or "
                + Fingerprints.MAX_OCTETS / 1024 / 1024
                + " MiB of them on one stream (attach again)"));
  }

  /** Takes the table that its node's kernel writes. */
  void named(OpenerTable table) {
    if (tables != null && !ended) {
      tables.name(table, openers, () -> tell(OPENERS_WANTED));
      if (ended) { // meanwhile
        tables.ended(openers);
      }
    }
  }

  void told(NodeStatus now) {
    status = now;
    if (!now.getCanaryOk()) {
      openers.forgetAll();
    }
    hub.told(node(), problem(now));
  }

  private static String problem(NodeStatus now) {
    if (!now.getCanaryOk()) {
      return "its bridge does not find its own connections again (kith status says why)";
    }
    if (now.getGuardOk()) {
      return "";
    }
    return now.getGuardProblem().isEmpty()
        ? "its bridge does not say whether it guards pods (it is older than this server)"
        : "its bridge says: " + Untrusted.plain(now.getGuardProblem(), 300);
  }

  void guarded(GuardReport report) {
    hub.guarded(node(), report, fingerprints);
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

  /**
   * Takes the place of a bridge of its node that went away a moment ago, or that it takes over
   * from: what that heard of pods which are the same holds, or what was heard before one that never
   * registered any, and what it was not told yet is told here: not at once when it could not be
   * told again and again. Before anything is registered.
   */
  void follows(AttachedBridge other) {
    var before = other.former;
    former = before == null ? other : before;
    guarding = other.guarding;
    revoking = other.revoking;
  }

  /** The ids of its own pods that are among these, with the same addresses. */
  private Set<String> alsoOf(List<RegisteredPod> others) {
    return pods.stream()
        .filter(
            pod ->
                others.stream()
                    .anyMatch(
                        other ->
                            other.id().equals(pod.id())
                                && Set.copyOf(other.addresses())
                                    .equals(Set.copyOf(pod.addresses()))))
        .map(RegisteredPod::id)
        .collect(Collectors.toSet());
  }

  /**
   * Tells the bridge which of these policies are new to it, as many as one message has room for;
   * for one thread.
   */
  void guards(Map<String, GuardPolicy> policies) {
    orEnd(guarding, "policies", () -> tellGuards(policies));
  }

  /**
   * What was noted as told may not have been written: its next stream is told all of it, later and
   * later while the mistake stays. Meanwhile the stream goes on, and the bridge by what it was told
   * before.
   *
   * @param telling whether all was told that there is, and some is
   */
  private void orEnd(Retries retries, String what, BooleanSupplier telling) {
    if (ended || !retries.areDue()) {
      return;
    }
    try {
      var all = telling.getAsBoolean();
      if (ended) { // by a mistake while it was written
        retries.failed();
      } else if (all && retries.wentWell()) {
        LOG.log(Level.INFO, "bridge is told again", about(what), null);
      }
    } catch (RuntimeException | Error e) {
      retries.failed();
      end(Status.INTERNAL.withDescription("a mistake inside: " + e + " (attach again)"));
      if (retries.isNews()) {
        LOG.log(
            Level.SEVERE,
            "a mistake inside while a bridge was told something: its stream ends, and it is told"
                + " on the next, later and later while it fails",
            about(what),
            e);
      }
    }
  }

  private Map<String, String> about(String what) {
    return Map.of("node", node(), "what", what);
  }

  private boolean tellGuards(Map<String, GuardPolicy> policies) {
    var news = GuardPolicies.newBuilder();
    var all = !policies.isEmpty();
    synchronized (guards) {
      var octets = 0L;
      for (var one : policies.entrySet()) {
        if (!one.getValue().equals(guards.get(one.getKey()))) {
          octets += one.getValue().getSerializedSize();
          if (news.getPoliciesCount() == MAX_IN_MESSAGE
              || (octets > MAX_OCTETS && news.getPoliciesCount() > 0)) {
            all = false;
            break;
          }
          guards.put(one.getKey(), one.getValue());
          news.addPolicies(one.getValue());
        }
      }
      guards.keySet().retainAll(policies.keySet());
    }
    if (news.getPoliciesCount() > 0) {
      out.write(ServerMessage.newBuilder().setGuardPolicies(news).build());
    }
    return all;
  }

  /**
   * Has connections ended of which this stream was not told yet; for one thread.
   *
   * @param revoked all of its pods' that are not gone
   */
  void revoke(Map<OpenFlows.Revoked, RegisteredPod> revoked) {
    orEnd(revoking, "revocations", () -> tellRevoked(revoked));
  }

  private boolean tellRevoked(Map<OpenFlows.Revoked, RegisteredPod> revoked) {
    for (var news : revocations.news(revoked)) {
      out.write(ServerMessage.newBuilder().setRevocation(news).build());
      if (!hello.getSaysRevocationDone()) {
        revocations.done(news.getId()); // an older bridge, which may have done it
      }
    }
    return !revoked.isEmpty();
  }

  /** The connections of a revocation are gone. */
  void revoked(RevocationDone done) {
    revocations.done(done.getId());
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
    var before = former;
    former = null;
    if (before != null) {
      names.inherit(before.names, before.alsoOf(valid));
    }
    names.keep(ids(valid));
    tellAnew(valid);
    openers.registers(valid);
    hub.register(this, List.copyOf(valid));
    if (before != null && before.hasEnded()) { // else it leaves them to whoever takes over
      before.unasked.leaveTo(unasked);
    }
    pods = List.copyOf(valid); // who sees them here can ask about them
    hub.doubted(node(), doubtful);
    problems.addAll(doubtful);
    this.problems = List.copyOf(problems);
  }

  /**
   * Has the pods that are not as in the list before be told their policies again: one may be
   * another by the number of one that is gone, of which the bridge forgets what it was told.
   */
  private void tellAnew(List<RegisteredPod> now) {
    var same = new HashSet<>(now);
    same.retainAll(new HashSet<>(pods));
    synchronized (guards) {
      guards.keySet().retainAll(ids(same));
    }
  }

  private static Set<String> ids(Collection<RegisteredPod> pods) {
    return pods.stream().map(RegisteredPod::id).collect(Collectors.toSet());
  }

  /** Words about addresses that it claims and cannot have. */
  List<String> refused() {
    return refused;
  }

  /** Takes them, in place of the former; from the hub, one after the other. */
  void refuses(List<String> words) {
    refused = List.copyOf(words);
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
    endsHere();
    unasked.leaveTo(newer.unasked);
    for (var question : questions.waiting()) {
      if (question.withdraw()) {
        var _ =
            newer
                .ask(question.rest(), question.pod(), question::give)
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

  /** The stream has ended: what waits is asked of the bridge that takes its place, if one does. */
  void gone(String why) {
    endsHere();
    hub.detach(this, why);
    for (var question : questions.waiting()) {
      if (question.withdraw()) {
        var _ =
            hub.askAnother(question.rest(), gone(), question::give)
                .whenComplete((attribution, _) -> question.give(attribution));
      }
    }
  }

  private void endsHere() {
    ended = true;
    unasked.end();
    if (tables != null) {
      tables.ended(openers);
    }
  }

  private String gone() {
    return "the bridge of " + node() + " went away";
  }

  private static CompletableFuture<Attribution> unavailable(String why) {
    return CompletableFuture.completedFuture(new Attribution.BridgeUnavailable(why));
  }
}
