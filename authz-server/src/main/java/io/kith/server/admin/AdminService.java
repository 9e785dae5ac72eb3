package io.kith.server.admin;

import static io.kith.server.admin.Requests.answer;
import static io.kith.server.admin.Requests.duration;
import static io.kith.server.admin.Requests.orNull;
import static io.kith.server.admin.Requests.ownerOrAll;
import static io.kith.server.admin.Requests.read;
import static io.kith.server.admin.Requests.ttl;
import static io.kith.server.admin.Requests.until;
import static io.kith.server.admin.Timestamps.timestamp;
import static java.util.Objects.requireNonNull;

import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.kith.admin.v1.AckRequest;
import io.kith.admin.v1.AckResponse;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.AllowRequest;
import io.kith.admin.v1.AllowResponse;
import io.kith.admin.v1.ApproveRequest;
import io.kith.admin.v1.ApproveResponse;
import io.kith.admin.v1.ClusterStatus;
import io.kith.admin.v1.DenyRequest;
import io.kith.admin.v1.DenyResponse;
import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.FinishTestRunResponse;
import io.kith.admin.v1.GetCoverageRequest;
import io.kith.admin.v1.GetCoverageResponse;
import io.kith.admin.v1.GetRevisionRequest;
import io.kith.admin.v1.GetRevisionResponse;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.GetStatusResponse;
import io.kith.admin.v1.ImportRequest;
import io.kith.admin.v1.ImportResponse;
import io.kith.admin.v1.LintRequest;
import io.kith.admin.v1.LintResponse;
import io.kith.admin.v1.ListAuditRequest;
import io.kith.admin.v1.ListAuditResponse;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.admin.v1.ListDecisionsResponse;
import io.kith.admin.v1.ListEdgesRequest;
import io.kith.admin.v1.ListEdgesResponse;
import io.kith.admin.v1.ListRevisionsRequest;
import io.kith.admin.v1.ListRevisionsResponse;
import io.kith.admin.v1.ListRulesRequest;
import io.kith.admin.v1.ListRulesResponse;
import io.kith.admin.v1.ProposeRequest;
import io.kith.admin.v1.ProposeResponse;
import io.kith.admin.v1.QuarantineRequest;
import io.kith.admin.v1.QuarantineResponse;
import io.kith.admin.v1.RejectRequest;
import io.kith.admin.v1.RejectResponse;
import io.kith.admin.v1.RelearnRequest;
import io.kith.admin.v1.RelearnResponse;
import io.kith.admin.v1.RemoveRuleRequest;
import io.kith.admin.v1.RemoveRuleResponse;
import io.kith.admin.v1.RollbackRequest;
import io.kith.admin.v1.RollbackResponse;
import io.kith.admin.v1.SetModeRequest;
import io.kith.admin.v1.SetModeResponse;
import io.kith.admin.v1.TailDecisionsRequest;
import io.kith.admin.v1.TailDecisionsResponse;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.Owner;
import io.kith.server.control.ControlState;
import io.kith.server.control.KnownEdge;
import io.kith.server.control.OtherDecisions.Found;
import io.kith.server.control.OtherDecisions.Latest;
import io.kith.server.control.RefusedException;
import io.kith.server.control.RuleVerbs.Target;
import io.kith.server.control.Wanted;
import io.kith.server.telemetry.SpanAttributes;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Answers what {@code admin.proto} asks, from the control state of this server. */
public final class AdminService extends AdminServiceGrpc.AdminServiceImplBase {
  private static final System.Logger LOG = System.getLogger(AdminService.class.getName());
  private static final int DEFAULT_LIMIT = 100;
  private static final int MAX_LIMIT = 1_000;
  private static final String INHERIT = "inherit";
  private static final Duration AUDIT_PATIENCE = Duration.ofSeconds(1);

  private final ControlState state;
  private final BridgeStatuses bridges;
  private final CheckServerStatuses followers;
  private final Supplier<@Nullable ClusterStatus> cluster;
  private final Supplier<String> cold;
  private final String version;
  private final Instant started;
  private final DecisionStreams streams;

  /** The log may be long, and nobody needs it by the second. */
  private final Semaphore audits = new Semaphore(1);

  /**
   * The service of a server.
   *
   * @param version of the program
   * @param started when the server began
   */
  public AdminService(ControlState state, BridgeStatuses bridges, String version, Instant started) {
    this(state, bridges, List::of, () -> null, () -> "", version, started);
  }

  /**
   * The service of a server that check servers follow, or that watches a cluster.
   *
   * @param cluster how that is, or null where none is watched
   * @param cold why its first Checks are slow; empty when they are not
   * @param version of the program
   * @param started when the server began
   */
  public AdminService(
      ControlState state,
      BridgeStatuses bridges,
      CheckServerStatuses followers,
      Supplier<@Nullable ClusterStatus> cluster,
      Supplier<String> cold,
      String version,
      Instant started) {
    this.state = requireNonNull(state, "state");
    this.bridges = requireNonNull(bridges, "bridges");
    this.followers = requireNonNull(followers, "followers");
    this.cluster = requireNonNull(cluster, "cluster");
    this.cold = requireNonNull(cold, "cold");
    this.version = requireNonNull(version, "version");
    this.started = requireNonNull(started, "started");
    this.streams = new DecisionStreams(state);
  }

  @Override
  public void getStatus(GetStatusRequest request, StreamObserver<GetStatusResponse> caller) {
    answer(
        caller,
        () -> {
          state.flush();
          var status =
              GetStatusResponse.newBuilder()
                  .setServerVersion(version)
                  .setStarted(timestamp(started))
                  .setCold(cold.get())
                  .addAllBridges(bridges.now())
                  .addAllCheckServers(followers.now());
          state.states().forEach(one -> status.addWorkloads(AdminMessages.workload(one)));
          state.counts().forEach(one -> status.addCounts(AdminMessages.count(one)));
          LifeMessages.addTo(status, state);
          var watched = cluster.get();
          if (watched != null) {
            status.setCluster(watched);
          }
          return status.build();
        });
  }

  /**
   * Takes all that was answered here, and of one workload what other servers wrote, for learned.
   */
  private void gather(@Nullable Owner owner) throws InterruptedException {
    state.flush();
    if (owner != null) {
      state.readOthers(owner);
    }
  }

  @Override
  public void listEdges(ListEdgesRequest request, StreamObserver<ListEdgesResponse> caller) {
    answer(
        caller,
        () -> {
          var owner = ownerOrAll(request.getOwner());
          gather(owner);
          var edges = ListEdgesResponse.newBuilder();
          state
              .reports()
              .edges(owner, request.getReviewOnly())
              .forEach(edge -> edges.addEdges(AdminMessages.edge(edge)));
          return edges.build();
        });
  }

  @Override
  public void finishTestRun(
      FinishTestRunRequest request, StreamObserver<FinishTestRunResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () -> {
          var owner = read(request.getOwner(), Owner::parse);
          gather(owner);
          var proposal = state.finishTestRun(owner, request.getNote(), by);
          var response =
              FinishTestRunResponse.newBuilder().setRevision(proposal.baseline().revision());
          proposal
              .approved()
              .forEach(edge -> response.addApproved(AdminMessages.edge(KnownEdge.of(owner, edge))));
          proposal
              .leftOut()
              .forEach(edge -> response.addLeftOut(AdminMessages.edge(KnownEdge.of(owner, edge))));
          tellReview(() -> state.reports().reviewItems(owner), response::setReviewItems);
          return response.build();
        });
  }

  /** How many edges wait for a person; null when that is not known. */
  private interface ReviewItems {
    @Nullable Integer count() throws RefusedException;
  }

  /** Of a change that is done: that they are not counted must not make it look refused. */
  private static void tellReview(ReviewItems items, IntConsumer answer) {
    try {
      var count = items.count();
      if (count != null) {
        answer.accept(count);
      }
    } catch (RefusedException | RuntimeException e) {
      LOG.log(Level.WARNING, "a change is done, and what waits for a person was not counted", e);
    }
  }

  @Override
  public void setMode(SetModeRequest request, StreamObserver<SetModeResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () -> {
          var scope = read(request.getScope(), ScopeName::parse);
          var mode = modeOrInherit(request.getMode());
          var revision = orNull(request.getRevision());
          if (mode == null && revision != null) {
            throw RefusedException.invalid(
                "revision: '" + revision + "' (expected: only with shadow or enforce)");
          }
          state.flush();
          var change =
              mode == null
                  ? state.inheritMode(scope, request.getNote(), by)
                  : state.setMode(scope, mode, revision, request.getNote(), by);
          var response =
              SetModeResponse.newBuilder()
                  .setPreviousMode(change.before().word())
                  .setDrains(state.cluster().health().drains(scope, change.mode()))
                  .setMode(change.mode().word())
                  .setModeFrom(change.from());
          tellReview(() -> state.reports().reviewItems(scope), response::setReviewItems);
          return response.build();
        });
  }

  /** Null for the mode without one by command. */
  private static @Nullable Mode modeOrInherit(String text) throws RefusedException {
    try {
      return text.equals(INHERIT) ? null : Mode.parse(text);
    } catch (IllegalArgumentException _) {
      throw RefusedException.invalid(
          "mode: '" + text + "' (expected: observe, shadow, enforce or inherit)");
    }
  }

  @Override
  public void allow(AllowRequest request, StreamObserver<AllowResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () -> {
          var owner = read(request.getOwner(), Owner::parse);
          var until =
              request.hasUntil()
                  ? until(request.getUntil())
                  : state.rules().until(request.hasTtl() ? ttl(request.getTtl()) : null);
          var id = request.getDecisionId();
          state.flush();
          var _ = state.others().bring(id);
          var edge =
              request.getPrepare()
                  ? state.rules().prepare(owner, id, until, request.getNote(), by)
                  : state
                      .rules()
                      .allow(
                          owner,
                          id,
                          until,
                          request.hasApproval() ? Requests.approval(request.getApproval()) : null,
                          request.getNote(),
                          by);
          return AllowResponse.newBuilder().setEdge(AdminMessages.edge(edge)).build();
        });
  }

  @Override
  public void listDecisions(
      ListDecisionsRequest request, StreamObserver<ListDecisionsResponse> caller) {
    answer(
        caller,
        () -> {
          var wanted = wanted(request);
          var limit = limit(request.getLimit());
          state.flush();
          var found =
              request.getId().isEmpty()
                  ? latest(wanted, limit)
                  : new Latest(List.of(remembered(request.getId())), 0, List.of());
          var decisions =
              ListDecisionsResponse.newBuilder()
                  .setLookedSince(timestamp(lookedSince(wanted)))
                  .setCheckServers(found.asked())
                  .addAllUnanswered(found.silent())
                  .setMayBeOneOfSeveral(state.mayBeOneOfSeveral());
          found
              .decisions()
              .forEach(
                  one ->
                      decisions.addDecisions(
                          DecisionMessages.of(one.decision(), state).toBuilder()
                              .setServer(one.server())));
          return decisions.build();
        });
  }

  @Override
  public void tailDecisions(
      TailDecisionsRequest request, StreamObserver<TailDecisionsResponse> caller) {
    streams.start(request, (ServerCallStreamObserver<TailDecisionsResponse>) caller);
  }

  private static int limit(int asked) throws RefusedException {
    var limit = asked == 0 ? DEFAULT_LIMIT : asked;
    if (limit < 0 || limit > MAX_LIMIT) {
      throw RefusedException.invalid(
          "limit: " + Integer.toUnsignedString(limit) + " (expected: 0 to " + MAX_LIMIT + ")");
    }
    return limit;
  }

  private Wanted wanted(ListDecisionsRequest request) throws RefusedException {
    var owner = ownerOrAll(request.getOwner());
    var since =
        request.hasSince() ? state.now().minus(duration("since", request.getSince())) : null;
    return read(
        request.getReason(),
        reason -> new Wanted(owner, request.getDeniedOnly(), orNull(reason), since));
  }

  private Latest latest(Wanted wanted, int limit) throws RefusedException, InterruptedException {
    if (wanted.owner() != null) {
      state.requireKnown(wanted.owner());
    }
    return state.others().latest(wanted, limit);
  }

  private Instant lookedSince(Wanted wanted) {
    return Stream.of(started, state.remembered(wanted), wanted.since())
        .filter(Objects::nonNull)
        .max(Comparator.naturalOrder())
        .orElse(started);
  }

  private Found remembered(String id) throws RefusedException, InterruptedException {
    var answered = state.others().bring(id);
    if (answered == null) {
      throw RefusedException.notFound(
          "decision '"
              + id
              + "' is not remembered any more (with telemetry.otlp its trace has the attribute "
              + SpanAttributes.DECISION_ID.getKey()
              + ")");
    }
    return answered;
  }

  @Override
  public void getCoverage(GetCoverageRequest request, StreamObserver<GetCoverageResponse> caller) {
    answer(
        caller,
        () -> {
          var owner = ownerOrAll(request.getOwner());
          gather(owner);
          var coverage = GetCoverageResponse.newBuilder();
          for (var one : state.reports().coverage(owner)) {
            coverage.addWorkloads(LifeMessages.coverage(one, state.learning()));
          }
          return coverage.build();
        });
  }

  @Override
  public void listRevisions(
      ListRevisionsRequest request, StreamObserver<ListRevisionsResponse> caller) {
    answer(
        caller,
        () -> {
          var owner = read(request.getOwner(), Owner::parse);
          var revisions = ListRevisionsResponse.newBuilder();
          state
              .reports()
              .revisions(owner)
              .forEach(one -> revisions.addRevisions(LifeMessages.revision(owner, one)));
          return revisions.build();
        });
  }

  @Override
  public void getRevision(GetRevisionRequest request, StreamObserver<GetRevisionResponse> caller) {
    answer(
        caller,
        () -> {
          var owner = read(request.getOwner(), Owner::parse);
          gather(owner);
          return request.getRevision().equals("draft")
              ? LifeMessages.draft(state.baselines().draft(owner))
              : LifeMessages.whole(
                  owner, state.reports().revision(owner, orNull(request.getRevision())));
        });
  }

  @Override
  public void propose(ProposeRequest request, StreamObserver<ProposeResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () -> {
          var owner = read(request.getOwner(), Owner::parse);
          gather(owner);
          var proposal = state.baselines().propose(owner, request.getNote(), by);
          var response = ProposeResponse.newBuilder().setRevision(proposal.baseline().revision());
          proposal
              .approved()
              .forEach(edge -> response.addApproved(AdminMessages.edge(KnownEdge.of(owner, edge))));
          proposal
              .leftOut()
              .forEach(edge -> response.addLeftOut(AdminMessages.edge(KnownEdge.of(owner, edge))));
          response.addAllToApprove(toApprove(owner, proposal.baseline().revision()));
          tellReview(() -> state.reports().reviewItems(owner), response::setReviewItems);
          return response.build();
        });
  }

  private List<io.kith.admin.v1.Edge> toApprove(Owner owner, String revision)
      throws RefusedException {
    return state.reports().revision(owner, revision).toApprove().stream()
        .map(edge -> LifeMessages.edge(owner, edge))
        .toList();
  }

  @Override
  public void approve(ApproveRequest request, StreamObserver<ApproveResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () -> {
          var owner = read(request.getOwner(), Owner::parse);
          state.flush();
          var baseline =
              request.getEdgeIdsCount() > 0
                  ? state
                      .baselines()
                      .approveEdges(
                          owner, Set.copyOf(request.getEdgeIdsList()), request.getNote(), by)
                  : state
                      .baselines()
                      .approve(
                          owner,
                          orNull(request.getRevision()),
                          request.hasApproval() ? Requests.approval(request.getApproval()) : null,
                          request.getNote(),
                          by);
          var response =
              ApproveResponse.newBuilder()
                  .setRevision(baseline.revision())
                  .addAllToApprove(toApprove(owner, baseline.revision()));
          tellReview(() -> state.reports().reviewItems(owner), response::setReviewItems);
          return response.build();
        });
  }

  @Override
  public void reject(RejectRequest request, StreamObserver<RejectResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () ->
            RejectResponse.newBuilder()
                .setRevision(
                    state
                        .baselines()
                        .reject(
                            read(request.getOwner(), Owner::parse),
                            orNull(request.getRevision()),
                            request.getNote(),
                            by))
                .build());
  }

  @Override
  public void rollback(RollbackRequest request, StreamObserver<RollbackResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () -> {
          var owner = read(request.getOwner(), Owner::parse);
          var done = state.baselines().rollback(owner, request.getNote(), by);
          return RollbackResponse.newBuilder().setFrom(done.from()).setTo(done.to()).build();
        });
  }

  @Override
  public void ack(AckRequest request, StreamObserver<AckResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () -> {
          var owner = read(request.getOwner(), Owner::parse);
          state.flush();
          var _ = state.others().bring(request.getId());
          state.rules().acknowledge(owner, request.getId(), request.getNote(), by);
          return AckResponse.getDefaultInstance();
        });
  }

  @Override
  public void relearn(RelearnRequest request, StreamObserver<RelearnResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () -> {
          var owner = read(request.getOwner(), Owner::parse);
          state.flush();
          state.rules().relearn(owner, orNull(request.getEdgeId()), request.getNote(), by);
          return RelearnResponse.getDefaultInstance();
        });
  }

  @Override
  public void quarantine(QuarantineRequest request, StreamObserver<QuarantineResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () -> {
          var owner = read(request.getOwner(), Owner::parse);
          var until = state.rules().until(request.hasTtl() ? ttl(request.getTtl()) : null);
          state.flush();
          var rule =
              state
                  .rules()
                  .quarantine(
                      owner,
                      request.getEdgeId(),
                      request.getWholeProcess(),
                      until,
                      request.getNote(),
                      by);
          return QuarantineResponse.newBuilder().setRule(LifeMessages.rule(rule)).build();
        });
  }

  @Override
  public void deny(DenyRequest request, StreamObserver<DenyResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () -> {
          var owner = read(request.getOwner(), Owner::parse);
          var until = state.rules().until(request.hasTtl() ? ttl(request.getTtl()) : null);
          state.flush();
          var target = target(request);
          if (target instanceof Target.OfDecision(var id)) {
            var _ = state.others().bring(id);
          }
          var rule = state.rules().deny(owner, target, until, request.getNote(), by);
          return DenyResponse.newBuilder().setRule(LifeMessages.rule(rule)).build();
        });
  }

  private static Target target(DenyRequest request) throws RefusedException {
    if (request.getEdgeId().isEmpty() == request.getDecisionId().isEmpty()) {
      throw RefusedException.invalid(
          "edge_id and decision_id: both or none (expected: one of them)");
    }
    return request.getEdgeId().isEmpty()
        ? new Target.OfDecision(request.getDecisionId())
        : new Target.OfEdge(request.getEdgeId());
  }

  @Override
  public void removeRule(RemoveRuleRequest request, StreamObserver<RemoveRuleResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () -> {
          var owner = read(request.getOwner(), Owner::parse);
          var rule = state.rules().remove(owner, request.getId(), request.getNote(), by);
          return RemoveRuleResponse.newBuilder().setRule(LifeMessages.rule(rule)).build();
        });
  }

  @Override
  public void listRules(ListRulesRequest request, StreamObserver<ListRulesResponse> caller) {
    answer(
        caller,
        () -> {
          state.flush();
          var rules = ListRulesResponse.newBuilder();
          state
              .reports()
              .rules(ownerOrAll(request.getOwner()))
              .forEach(rule -> rules.addRules(LifeMessages.rule(rule)));
          return rules.build();
        });
  }

  @Override
  public void lint(LintRequest request, StreamObserver<LintResponse> caller) {
    answer(
        caller,
        () -> {
          var owner = ownerOrAll(request.getOwner());
          state.flush();
          var findings = LintResponse.newBuilder();
          state
              .reports()
              .lint(owner)
              .forEach(one -> findings.addFindings(LifeMessages.finding(one)));
          return findings.build();
        });
  }

  @Override
  public void import_(ImportRequest request, StreamObserver<ImportResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () -> {
          var bundle = request.getBundle().toByteArray();
          if (request.getDryRun()) {
            return LifeMessages.arrived(state.imports().look(bundle, request.getMap()), List.of());
          }
          return switch (request.getAs()) {
            case VOUCHER ->
                LifeMessages.arrived(
                    state.imports().vouch(bundle, request.getMap(), request.getNote(), by),
                    List.of());
            case POLICY -> {
              var arrived = state.imports().look(bundle, request.getMap());
              yield LifeMessages.arrived(
                  arrived, state.imports().propose(arrived, request.getNote(), by));
            }
            case UNRECOGNIZED ->
                throw RefusedException.invalid(
                    "as: " + request.getAsValue() + " (expected: VOUCHER or POLICY)");
          };
        });
  }

  @Override
  public void listAudit(ListAuditRequest request, StreamObserver<ListAuditResponse> caller) {
    answer(
        caller,
        () -> {
          var limit = limit(request.getLimit());
          if (!audits.tryAcquire(AUDIT_PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
            throw RefusedException.busy("others look through the log of changes (ask again)");
          }
          try {
            var records = ListAuditResponse.newBuilder();
            state
                .audit(orNull(request.getSubject()), request.getBefore(), limit)
                .forEach(entry -> records.addRecords(LifeMessages.audit(entry, state)));
            return records.build();
          } finally {
            audits.release();
          }
        });
  }
}
