package io.kith.server.control;

import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import io.kith.server.check.CheckRecord;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** A store with the servers on it. */
final class Site {
  final Shop.SettableClock clock = new Shop.SettableClock();
  final BaselineStore store;

  /** What its servers told the log. */
  final List<AuditEntry> audited = new CopyOnWriteArrayList<>();

  ServerKeys keys;
  @Nullable HighWaterMark mark;
  AllowListFiles lists = AllowListFiles.none();
  List<Workload> workloads = List.of(Shop.CHECKOUT, Shop.CATALOG, Shop.DB);

  Site(BaselineStore store) {
    this(store, ServerKeys.ephemeral());
  }

  Site(BaselineStore store, ServerKeys keys) {
    this.store = store;
    this.keys = keys;
  }

  ControlState server() throws Exception {
    return server("here");
  }

  ControlState server(String replica) throws Exception {
    return ControlState.open(
        new ControlSettings(
            Shop.directory(workloads),
            List.of(),
            LearningSettings.defaults(),
            PublicSuffixes.UNKNOWN,
            keys,
            store,
            "memory",
            replica,
            mark,
            1_024),
        lists,
        clock,
        audited::add);
  }

  CheckRecord check(ControlState state, Flow flow) throws Exception {
    return check(state, Shop.CHECKOUT, flow);
  }

  CheckRecord check(ControlState state, Workload workload, Flow flow) throws Exception {
    return check(state, workload, flow, "10.88.1.2");
  }

  CheckRecord check(ControlState state, Workload workload, Flow flow, String pod) throws Exception {
    var answered =
        Shop.answered(workload, state.snapshot(workload), flow, clock.instant(), pod, false);
    state.record(answered);
    state.flush();
    return answered;
  }

  /** Writes what a server learned, as its flusher does. */
  void flush(ControlState state) throws Exception {
    store.saveLearned(state.changedParts(true, 10_000));
  }

  /** What all servers wrote of its workloads. */
  List<LearnedPart> learned() throws StoreException {
    return store.learnedByOthers("", workloads.stream().map(Workload::owner).toList());
  }

  String reason(ControlState state, Flow flow) {
    Verdict verdict =
        Decider.decide(state.snapshot(Shop.CHECKOUT), flow, clock.instant()).applied();
    return verdict instanceof Deny(_, var reason) ? reason.code() : "allowed";
  }
}
