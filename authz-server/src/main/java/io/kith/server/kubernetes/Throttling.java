package io.kith.server.kubernetes;

import io.fabric8.kubernetes.client.http.AsyncBody;
import io.fabric8.kubernetes.client.http.BasicBuilder;
import io.fabric8.kubernetes.client.http.HttpRequest;
import io.fabric8.kubernetes.client.http.HttpResponse;
import io.fabric8.kubernetes.client.http.Interceptor;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Whether an API server throttles a client, which it says with 429: noticed on every answer that
 * the client gets. Thread-safe.
 */
public final class Throttling implements Interceptor {
  /** What an API server says that has no room for a request now. */
  public static final int TOO_MANY_REQUESTS = 429;

  /** For people: what the answer means and what to do about it. */
  public static final String WORDS =
      "the API server throttles this server's account (429; give the account a FlowSchema with room:"
          + " docs/kubernetes.md#when-the-api-server-throttles)";

  /** One answer that is none of these does not end it, as long as others are refused. */
  private static final Duration QUIET = Duration.ofSeconds(10);

  /** One that has just got the definitions of objects answers so as well, for a moment. */
  private static final Duration MOMENT = Duration.ofSeconds(2);

  /** What was refused so long ago has nothing to do with what is refused now. */
  private static final Duration AGO = Duration.ofSeconds(30);

  private final InstantSource clock;
  private @Nullable Instant since;
  private Instant first = Instant.EPOCH;
  private Instant refused = Instant.EPOCH;
  private Instant answered = Instant.EPOCH;

  /** One that has heard nothing yet. */
  public Throttling(InstantSource clock) {
    this.clock = clock;
  }

  /**
   * Since when requests are refused so, if for more than two seconds; else null. It ends with an
   * answer, once none was refused for ten seconds.
   */
  public synchronized @Nullable Instant since() {
    if (since != null
        && answered.isAfter(refused)
        && clock.instant().isAfter(refused.plus(QUIET))) {
      since = null;
    }
    return since;
  }

  @Override
  public void after(
      HttpRequest request, HttpResponse<?> response, AsyncBody.Consumer<List<ByteBuffer>> body) {
    if (response.isSuccessful()) {
      succeeded();
    }
  }

  /** Watches, too, which are no requests to the one above. */
  @Override
  public CompletableFuture<Boolean> afterFailure(
      BasicBuilder request, HttpResponse<?> response, RequestTags tags) {
    if (response.code() == TOO_MANY_REQUESTS) {
      refused();
    }
    return CompletableFuture.completedFuture(false);
  }

  synchronized void succeeded() {
    answered = clock.instant();
  }

  synchronized void refused() {
    var before = since();
    refused = clock.instant();
    if (before != null) {
      return;
    }
    if (first.plus(AGO).isBefore(refused)) {
      first = refused;
    } else if (!refused.isBefore(first.plus(MOMENT))) {
      since = first;
    }
  }
}
