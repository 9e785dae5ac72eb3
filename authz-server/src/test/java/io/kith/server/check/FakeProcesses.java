package io.kith.server.check;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Attribution;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Answers as told. */
public final class FakeProcesses implements ProcessSource {
  private final List<SocketQuery> asked = new CopyOnWriteArrayList<>();
  private final List<KnownConnection> used = new CopyOnWriteArrayList<>();
  private final List<Consumer<Attribution>> lateAnswers = new CopyOnWriteArrayList<>();
  private volatile Set<String> told = Set.of();
  private volatile @Nullable KnownConnection known;
  private volatile Function<SocketQuery, CompletableFuture<Attribution>> answer =
      _ -> CompletableFuture.completedFuture(Samples.attributed(Samples.APP));

  public void answer(Attribution attribution) {
    answer = _ -> CompletableFuture.completedFuture(attribution);
  }

  public void answer(Function<SocketQuery, CompletableFuture<Attribution>> how) {
    answer = how;
  }

  /** All that is asked from now on was answered a moment ago. */
  public void remember(Attribution attribution) {
    known = new KnownConnection(attribution, System.nanoTime());
  }

  /** All that is asked from now on is of a process that was asked about a moment ago. */
  public void rememberProcess(Attribution attribution) {
    known = KnownConnection.unasked(attribution, System.nanoTime());
  }

  @Override
  public @Nullable KnownConnection known(SocketQuery query, long nanos) {
    return known;
  }

  @Override
  public void used(KnownConnection known) {
    used.add(known);
  }

  /** What Checks were decided by without a question. */
  public List<KnownConnection> used() {
    return used;
  }

  /** Every pod was told these names for every address. */
  public void told(Set<String> now) {
    told = now;
  }

  @Override
  public Set<String> names(IpAddress source, IpAddress destination, Set<String> claimed) {
    return told;
  }

  /** Answers the latest question, whose time is up. */
  public void answerLate(Attribution attribution) {
    lateAnswers.getLast().accept(attribution);
  }

  public List<SocketQuery> asked() {
    return asked;
  }

  @Override
  public CompletableFuture<Attribution> ask(SocketQuery query, Consumer<Attribution> late) {
    asked.add(query);
    lateAnswers.add(late);
    return answer.apply(query);
  }
}
