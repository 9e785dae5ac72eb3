package io.kith.server.admin;

import static java.util.Objects.requireNonNull;

import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.AllowRequest;
import io.kith.admin.v1.AllowResponse;
import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.FinishTestRunResponse;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.GetStatusResponse;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.admin.v1.ListDecisionsResponse;
import io.kith.admin.v1.ListEdgesRequest;
import io.kith.admin.v1.ListEdgesResponse;
import io.kith.admin.v1.SetModeRequest;
import io.kith.admin.v1.SetModeResponse;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.Owner;
import io.kith.server.control.ControlState;
import io.kith.server.control.KnownEdge;
import io.kith.server.control.RefusedException;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Answers what {@code admin.proto} asks, from the control state of this server. */
public final class AdminService extends AdminServiceGrpc.AdminServiceImplBase {
  private static final System.Logger LOG = System.getLogger(AdminService.class.getName());
  private static final int DEFAULT_LIMIT = 100;
  private static final int MAX_LIMIT = 1_000;
  private static final long MAX_TTL_SECONDS = 315_576_000_000L;

  private final ControlState state;
  private final BridgeStatuses bridges;
  private final String version;
  private final Instant started;

  /**
   * The service of a server.
   *
   * @param version of the program
   * @param started when the server began
   */
  public AdminService(ControlState state, BridgeStatuses bridges, String version, Instant started) {
    this.state = requireNonNull(state, "state");
    this.bridges = requireNonNull(bridges, "bridges");
    this.version = requireNonNull(version, "version");
    this.started = requireNonNull(started, "started");
  }

  private interface Handler<T> {
    T handle() throws RefusedException, InterruptedException;
  }

  private static <T> void answer(StreamObserver<T> caller, Handler<T> handler) {
    try {
      var answer = handler.handle();
      caller.onNext(answer);
      caller.onCompleted();
    } catch (RefusedException e) {
      caller.onError(statusOf(e).withDescription(e.words()).asRuntimeException());
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      caller.onError(
          Status.UNAVAILABLE.withDescription("the server is stopping").asRuntimeException());
    } catch (RuntimeException e) {
      LOG.log(Level.ERROR, "an admin call failed", e);
      caller.onError(
          Status.INTERNAL
              .withDescription("the server failed; its log has the cause")
              .asRuntimeException());
    }
  }

  private static Status statusOf(RefusedException refused) {
    return switch (refused.kind()) {
      case INVALID -> Status.INVALID_ARGUMENT;
      case NOT_FOUND -> Status.NOT_FOUND;
      case PRECONDITION -> Status.FAILED_PRECONDITION;
      case STORE -> Status.ABORTED;
    };
  }

  private static <T> T read(String text, Function<String, T> reader) throws RefusedException {
    try {
      return reader.apply(text);
    } catch (IllegalArgumentException e) {
      throw RefusedException.invalid(
          e.getMessage() == null ? "'" + text + "' is not understood" : e.getMessage());
    }
  }

  private static @Nullable Owner ownerOrAll(String text) throws RefusedException {
    return text.isEmpty() ? null : read(text, Owner::parse);
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
                  .setStarted(AdminMessages.timestamp(started))
                  .addAllBridges(bridges.now());
          state.states().forEach(one -> status.addWorkloads(AdminMessages.workload(one)));
          state.counts().forEach(one -> status.addCounts(AdminMessages.count(one)));
          return status.build();
        });
  }

  @Override
  public void listEdges(ListEdgesRequest request, StreamObserver<ListEdgesResponse> caller) {
    answer(
        caller,
        () -> {
          state.flush();
          var edges = ListEdgesResponse.newBuilder();
          state
              .edges(ownerOrAll(request.getOwner()))
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
          state.flush();
          var proposal = state.finishTestRun(owner, request.getNote(), by);
          var response =
              FinishTestRunResponse.newBuilder().setRevision(proposal.baseline().revision());
          proposal
              .approved()
              .forEach(edge -> response.addApproved(AdminMessages.edge(KnownEdge.of(owner, edge))));
          proposal
              .leftOut()
              .forEach(edge -> response.addLeftOut(AdminMessages.edge(KnownEdge.of(owner, edge))));
          return response.build();
        });
  }

  @Override
  public void setMode(SetModeRequest request, StreamObserver<SetModeResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () -> {
          var scope = read(request.getScope(), ScopeName::parse);
          var mode = read(request.getMode(), Mode::parse);
          state.flush();
          var before = state.setMode(scope, mode, request.getNote(), by);
          return SetModeResponse.newBuilder().setPreviousMode(before.word()).build();
        });
  }

  @Override
  public void allow(AllowRequest request, StreamObserver<AllowResponse> caller) {
    var by = Caller.Interceptor.current();
    answer(
        caller,
        () -> {
          var owner = read(request.getOwner(), Owner::parse);
          var ttl = request.hasTtl() ? ttl(request.getTtl()) : null;
          state.flush();
          var edge = state.allow(owner, request.getDecisionId(), ttl, request.getNote(), by);
          return AllowResponse.newBuilder().setEdge(AdminMessages.edge(edge)).build();
        });
  }

  private static Duration ttl(com.google.protobuf.Duration ttl) throws RefusedException {
    if (ttl.getSeconds() < 0
        || ttl.getSeconds() > MAX_TTL_SECONDS
        || ttl.getNanos() < 0
        || ttl.getNanos() > 999_999_999) {
      throw RefusedException.invalid(
          "ttl: " + ttl.getSeconds() + " s (expected: more than nothing and at most 3650 days)");
    }
    return Duration.ofSeconds(ttl.getSeconds(), ttl.getNanos());
  }

  @Override
  public void listDecisions(
      ListDecisionsRequest request, StreamObserver<ListDecisionsResponse> caller) {
    answer(
        caller,
        () -> {
          var owner = ownerOrAll(request.getOwner());
          var limit = request.getLimit() == 0 ? DEFAULT_LIMIT : request.getLimit();
          if (limit < 0 || limit > MAX_LIMIT) {
            throw RefusedException.invalid(
                "limit: "
                    + Integer.toUnsignedString(limit)
                    + " (expected: 0 to "
                    + MAX_LIMIT
                    + ")");
          }
          state.flush();
          var decisions = ListDecisionsResponse.newBuilder();
          state
              .decisions(owner, request.getDeniedOnly(), limit)
              .forEach(one -> decisions.addDecisions(AdminMessages.decision(one)));
          return decisions.build();
        });
  }
}
