package io.kith.server.control;

import static io.kith.server.control.Shop.CATALOG;
import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.store.LearnedPart;
import io.kith.server.check.Logged;
import io.kith.server.check.PodSource;
import io.kith.server.check.RunningPod;
import io.kith.server.store.InMemoryStore;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Workloads that the directory gets to know while the server runs. */
class LateWorkloadTest {
  private final Site site = new Site(new InMemoryStore());
  private @Nullable ControlState state;

  @AfterEach
  void close() {
    if (state != null) {
      state.close();
    }
  }

  /** As one of a cluster. */
  static final class Growing implements WorkloadDirectory {
    private final List<Workload> known = new ArrayList<>();
    final List<Consumer<Workload>> listeners = new ArrayList<>();

    Growing(Workload... known) {
      this.known.addAll(List.of(known));
    }

    void grow(Workload workload) {
      known.add(workload);
      listeners.forEach(listener -> listener.accept(workload));
    }

    @Override
    public @Nullable Workload speaking(SpiffeId id, IpAddress address) {
      return known.stream()
          .filter(workload -> workload.spiffeIds().contains(id))
          .findFirst()
          .orElse(null);
    }

    @Override
    public @Nullable Workload at(IpAddress address) {
      return null;
    }

    @Override
    public @Nullable Workload named(String name) {
      return null;
    }

    @Override
    public Collection<Workload> all() {
      return List.copyOf(known);
    }

    @Override
    public void tell(Consumer<Workload> appeared) {
      listeners.add(appeared);
    }
  }

  private ControlState open(WorkloadDirectory directory) throws Exception {
    return ControlState.open(
        new ControlSettings(
            directory,
            List.of(),
            LearningSettings.defaults(),
            PublicSuffixes.UNKNOWN,
            site.keys,
            site.store,
            "memory",
            "here",
            null,
            1_024),
        AllowListFiles.none(),
        site.clock,
        _ -> {});
  }

  private static List<String> owners(ControlState state) {
    return state.states().stream().map(one -> one.owner().toString()).toList();
  }

  private static long connections(ControlState state) throws Exception {
    return state.edges(CHECKOUT.owner()).stream()
        .map(KnownEdge::evidence)
        .filter(Objects::nonNull)
        .mapToLong(evidence -> evidence.connections())
        .sum();
  }

  @Test
  void workloadThatAppears_isListed_andPeopleMayDecideAboutIt() throws Exception {
    var directory = new Growing(CATALOG);
    state = open(directory);
    assertThat(owners(state)).containsExactly(CATALOG.owner().toString());

    directory.grow(CHECKOUT);
    state.tidy();

    assertThat(owners(state))
        .containsExactly(CATALOG.owner().toString(), CHECKOUT.owner().toString());
    state.requireKnown(CHECKOUT.owner());
  }

  /** It kept those behind it from being done, for as long as it failed. */
  @Test
  void tidy_aStepThatFails_keepsNoOtherFromBeingDone_andIsSaidOnce() throws Exception {
    var directory = new Growing(CATALOG);
    state = open(directory);
    state.follow(new FailingPods());
    directory.grow(CHECKOUT);
    try (var log = Logged.by(ControlState.class)) {
      state.tidy();
      state.tidy();

      assertThat(owners(state)).contains(CHECKOUT.owner().toString());
      assertThat(log.messages())
          .containsExactly("what was due was not done; it is tried again: step=tell of pods");
      state.follow(PodSource.NONE);
      state.tidy();
      assertThat(log.messages()).hasSize(2).last().asString().contains("is done again");
    }
  }

  private static final class FailingPods implements PodSource {
    @Override
    public List<RunningPod> running() {
      throw new AssertionError("on purpose");
    }

    @Override
    public @Nullable RunningPod running(IpAddress address) {
      return null;
    }
  }

  @Test
  void workloadThatAppears_goesOnFromWhatWasLearnedOfItBefore() throws Exception {
    var before = open(new Growing(CHECKOUT));
    site.check(before, flow(database(), PAYMENTS));
    site.check(before, flow(database(), PAYMENTS));
    site.flush(before);
    before.close();
    var directory = new Growing();
    state = open(directory);

    directory.grow(CHECKOUT);
    site.check(state, flow(database(), PAYMENTS)); // before anything was done about it
    assertThat(state.changedParts(true, 100)).as("it would replace what was learned").isEmpty();
    state.tidy();

    assertThat(connections(state)).isEqualTo(3);
    assertThat(state.changedParts(true, 100)).extracting(LearnedPart::replica).containsOnly("here");
  }

  @Test
  void workloadThatIsKnownAlready_isNotTakenForNew() throws Exception {
    var directory = new Growing(CHECKOUT);
    state = open(directory);
    site.check(state, flow(database(), PAYMENTS));

    directory.grow(CHECKOUT);

    assertThat(state.changedParts(true, 100)).isNotEmpty();
  }
}
