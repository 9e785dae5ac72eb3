package io.kith.bridge.guard;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.capture.Owner;
import io.kith.bridge.capture.Pod;
import io.kith.bridge.ffm.SockDiag;
import io.kith.bridge.ffm.Tuple;
import io.kith.bridge.process.Identified;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Which sockets are to end. Nothing does here: a guard of nothing never comes to it. */
class GuardRevokeTest {
  private static final IpAddress LOOPBACK = IpAddress.parse("127.0.0.1");
  private static final long SEEN = 1_000;

  private final AtomicInteger done = new AtomicInteger();
  private final FakeNode node = new FakeNode();
  private final Pod pod = new Pod("net:[1]", Set.of(LOOPBACK), Set.of(), List.of());
  private final Guard guard = Guard.none(node, "this is a test");
  private ServerSocket listener;
  private Socket client;
  private SockDiag sockets;

  private final class FakeNode implements Guard.Node {
    private int asked;
    private @Nullable Owner opener;

    @Override
    public SockDiag sockets(Pod pod) {
      asked++;
      return sockets;
    }

    @Override
    public @Nullable Owner opener(Pod pod, Tuple tuple) {
      return opener;
    }

    @Override
    public long network(Pod pod) {
      return 0;
    }

    @Override
    public Identified identify(Owner owner) {
      throw new AssertionError("not asked for");
    }
  }

  @BeforeEach
  void connect() throws Exception {
    sockets = SockDiag.open();
    listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    client = new Socket(InetAddress.getLoopbackAddress(), listener.getLocalPort());
  }

  @AfterEach
  void disconnect() throws IOException {
    client.close();
    listener.close();
    sockets.close();
  }

  private Tuple tuple() {
    return new Tuple(LOOPBACK, client.getLocalPort(), LOOPBACK, client.getPort());
  }

  private static Owner opener(long connectNanos, long closeNanos) {
    return new Owner(7, 7, 0, 0, 0, 0, null, "", 0, 0, 0, connectNanos, closeNanos, 0);
  }

  /** Whether there is nothing that has to end. */
  private boolean isDone() {
    guard.revoke(Map.of(pod, List.of(new Guard.Revoked(tuple(), SEEN))), done::incrementAndGet);
    return done.get() == 1;
  }

  @Test
  void revoke_openConnection_isDoneOnlyWhenItHasEnded() {
    node.opener = opener(SEEN, 0);

    assertThat(isDone()).isFalse();
  }

  @Test
  void revoke_connectionThatNobodySawOpened_isToEnd() {
    assertThat(isDone()).isFalse();
  }

  @Test
  void revoke_connectionThatIsGone_isDone() {
    var gone = new Tuple(LOOPBACK, client.getPort(), LOOPBACK, 1);

    guard.revoke(Map.of(pod, List.of(new Guard.Revoked(gone, SEEN))), done::incrementAndGet);

    assertThat(done).hasValue(1);
  }

  /** It may be permitted: a revocation can be said again long after its connection has closed. */
  @Test
  void revoke_connectionWithTheSameEndsThatWasOpenedLater_staysOpen() {
    node.opener = opener(SEEN + 1, 0);

    assertThat(isDone()).isTrue();
  }

  /** Or a process could keep its connection by another with the same ends, on another interface. */
  @Test
  void revoke_noteOfALaterSocketThatIsClosed_isNotOfTheOpenOne() {
    node.opener = opener(SEEN + 1, SEEN + 2);

    assertThat(isDone()).isFalse();
  }

  @Test
  void revoke_socketsThatCannotBeListed_isNeverDone() {
    sockets.close();

    assertThat(isDone()).isFalse();
  }

  /** They were listed for each of the connections, of which there may be thousands. */
  @Test
  void revoke_manyConnectionsOfAPod_listsItsSocketsOnce() {
    var many =
        IntStream.rangeClosed(1, 1_024)
            .mapToObj(port -> new Guard.Revoked(new Tuple(LOOPBACK, port, LOOPBACK, 1), SEEN))
            .toList();

    guard.revoke(Map.of(pod, many), done::incrementAndGet);

    assertThat(node.asked).isEqualTo(1);
    assertThat(done).hasValue(1);
  }
}
