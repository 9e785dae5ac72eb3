package io.kith.bridge.identity;

import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.spire.WorkloadAttestor;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.IntFunction;

/** An attestor that answers what a test wants, when it wants. */
final class FakeAttestor implements WorkloadAttestor {
  private final List<Integer> asked = new CopyOnWriteArrayList<>();
  private volatile IntFunction<CompletableFuture<Answer>> behaviour =
      _ -> CompletableFuture.completedFuture(new Answer.Identities(Set.of()));

  @Override
  public CompletableFuture<Answer> ask(int pid, Duration limit) {
    asked.add(pid);
    return behaviour.apply(pid);
  }

  void behave(IntFunction<CompletableFuture<Answer>> next) {
    behaviour = next;
  }

  void answer(Answer answer) {
    behave(_ -> CompletableFuture.completedFuture(answer));
  }

  void answer(SpiffeId... ids) {
    answer(new Answer.Identities(Set.of(ids)));
  }

  /** The pids that were asked about, in order. */
  List<Integer> asked() {
    return asked;
  }

  @Override
  public void reconnect() {}

  @Override
  public void close() {}
}
