package io.kith.spiffe.spire;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.InsecureServerCredentials;
import io.grpc.Status;
import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.dev.DevIdentity;
import io.kith.spiffe.spire.WorkloadAttestor.Answer;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(600)
class SpireAgentTest {
  private static final Duration LONG = Duration.ofSeconds(60);
  private static final byte[] KEY = {42, 42, 42};
  private static final SpiffeId CHECKOUT = SpiffeId.parse("spiffe://mesh.test/checkout");
  private static final SpiffeId BILLING = SpiffeId.parse("spiffe://mesh.test/billing/v2");

  @TempDir private Path folder;

  @Nested
  class DelegatedIdentity {
    private FakeSpireAgent fake;
    private SpireAgent agent;

    @BeforeEach
    void start() throws Exception {
      var socket = folder.resolve("admin.sock");
      fake = new FakeSpireAgent(socket, InsecureServerCredentials.create());
      agent = SpireAgent.delegated(socket);
    }

    @AfterEach
    void stop() {
      agent.close();
      fake.close();
    }

    @Test
    void ask_aProcessWithSeveralEntries_hasAllIds_andTheStreamEnds() throws Exception {
      fake.behave(
          stream ->
              stream.onNext(
                  FakeSpireAgent.delegated(KEY, BILLING.toString(), CHECKOUT.toString())));

      var answer = agent.ask(4242, LONG).join();

      assertThat(answer).isEqualTo(new Answer.Identities(Set.of(CHECKOUT, BILLING)));
      assertThat(fake.pids()).containsExactly(4242);
      assertThat(fake.awaitCancel()).as("the agent sends no further keys").isTrue();
    }

    @Test
    void ask_aProcessWithoutEntries_hasNoIds() {
      fake.behave(stream -> stream.onNext(FakeSpireAgent.delegated(KEY)));

      assertThat(agent.ask(1, LONG).join()).isEqualTo(new Answer.Identities(Set.of()));
    }

    @ParameterizedTest
    @ValueSource(
        strings = {
          "spiffe://mesh.test/a/../b",
          "spiffe://MESH.test/a",
          "spiffe:///a",
          "spiffe://a b/c"
        })
    void ask_aNameThatIsNoSpiffeId_makesTheWholeAnswerUnknown(String name) {
      fake.behave(
          stream -> stream.onNext(FakeSpireAgent.delegated(KEY, CHECKOUT.toString(), name)));

      assertThat(agent.ask(1, LONG).join()).isInstanceOf(Answer.Unknown.class);
    }

    @ParameterizedTest
    @CsvSource(
        delimiter = '|',
        value = {
          "PERMISSION_DENIED|caller not configured as an authorized delegate|authorized_delegates",
          "PERMISSION_DENIED|no identity issued|registration entry",
          "UNIMPLEMENTED|unknown service|admin_socket_path",
          "INVALID_ARGUMENT|must provide selectors|1.10.2",
          "UNAVAILABLE|the agent ends|the agent ends",
        })
    void ask_anAgentThatRefuses_isUnavailable_withWhatToDo(
        Status.Code code, String said, String advice) {
      fake.refuse(code.toStatus().withDescription(said));

      assertThat(agent.ask(1, LONG).join())
          .isInstanceOfSatisfying(
              Answer.Unavailable.class,
              unavailable -> assertThat(unavailable.why()).contains("admin.sock", advice));
    }

    @ParameterizedTest
    @CsvSource({
      "UNAVAILABLE,workload attestation failed",
      "INTERNAL,could not serialize response",
      "UNKNOWN,whatever"
    })
    void ask_aProcessThatIsNotAttested_isUnknown(Status.Code code, String said) {
      fake.refuse(code.toStatus().withDescription(said));

      assertThat(agent.ask(1, LONG).join()).isEqualTo(new Answer.Unknown(said));
    }

    @Test
    void ask_anAgentThatHangs_isLate() {
      var limit = Duration.ofMillis(50);

      assertThat(agent.ask(1, limit).join()).isEqualTo(new Answer.Late(limit));
    }

    @Test
    void ask_anAgentThatSaysNothing_orNonsense_isUnknown() {
      fake.behave(stream -> stream.onCompleted());
      assertThat(agent.ask(1, LONG).join()).isInstanceOf(Answer.Unknown.class);

      fake.behave(stream -> stream.onNext(new byte[] {10, 127, 0}));
      assertThat(agent.ask(1, LONG).join()).isInstanceOf(Answer.Unknown.class);
    }

    @Test
    void ask_afterARestartOfTheAgent_isAnsweredAgain() throws Exception {
      fake.close();
      assertThat(agent.ask(1, LONG).join()).isInstanceOf(Answer.Unavailable.class);

      fake = new FakeSpireAgent(folder.resolve("admin.sock"), InsecureServerCredentials.create());
      fake.behave(stream -> stream.onNext(FakeSpireAgent.delegated(KEY, CHECKOUT.toString())));

      assertThat(askedAgain()).isEqualTo(new Answer.Identities(Set.of(CHECKOUT)));
    }

    /** An attempt to connect that began before the restart may still fail. */
    private Answer askedAgain() throws InterruptedException {
      var end = System.nanoTime() + LONG.toNanos();
      while (true) {
        agent.reconnect();
        var answer = agent.ask(1, LONG).join();
        if (!(answer instanceof Answer.Unavailable) || System.nanoTime() > end) {
          return answer;
        }
        Thread.sleep(20);
      }
    }
  }

  @Nested
  class Broker {
    private static final SpiffeId AGENT =
        SpiffeId.parse("spiffe://dev.mesh.test/spire/agent/join_token/one");
    private static final SpiffeId OTHER = SpiffeId.parse("spiffe://dev.mesh.test/agent");
    private static final SpiffeId BRIDGE = SpiffeId.parse("spiffe://dev.mesh.test/bridge");

    private DevIdentity identities;
    private WorkloadApiSource own;

    @BeforeEach
    void start() throws Exception {
      identities =
          DevIdentity.start(
              new DevIdentity.Settings(
                  folder.resolve("id"),
                  "dev.mesh.test",
                  Duration.ofHours(1),
                  Set.of(AGENT, OTHER, BRIDGE)),
              Clock.systemUTC());
      own = source(BRIDGE);
    }

    private WorkloadApiSource source(SpiffeId id) throws Exception {
      var source = WorkloadApiSource.start(identities.socketOf(id), id, Clock.systemUTC());
      assertThat(source.awaitReady(LONG)).isTrue();
      return source;
    }

    @AfterEach
    void stop() {
      own.close();
      identities.close();
    }

    @Test
    void ask_showsOurSvid_andWantsAnAgents() throws Exception {
      var socket = folder.resolve("broker.sock");
      try (var server = source(AGENT);
          var fake =
              new FakeSpireAgent(socket, SpiffeTls.serverCredentials(server, BRIDGE::equals));
          var agent = SpireAgent.broker(socket, own, BRIDGE)) {
        fake.behave(
            stream ->
                stream.onNext(FakeSpireAgent.broker(KEY, CHECKOUT.toString(), BILLING.toString())));

        var answer = agent.ask(4242, LONG).join();

        assertThat(answer).isEqualTo(new Answer.Identities(Set.of(CHECKOUT, BILLING)));
        assertThat(fake.pids()).containsExactly(4242);
        assertThat(fake.headers()).containsExactly("true");
        assertThat(fake.awaitCancel()).isTrue();
      }
    }

    @Test
    void ask_aServerThatIsNoAgent_isNotBelieved() throws Exception {
      var socket = folder.resolve("broker.sock");
      try (var server = source(OTHER);
          var fake =
              new FakeSpireAgent(socket, SpiffeTls.serverCredentials(server, BRIDGE::equals));
          var agent = SpireAgent.broker(socket, own, BRIDGE)) {
        fake.behave(stream -> stream.onNext(FakeSpireAgent.broker(KEY, CHECKOUT.toString())));

        assertThat(agent.ask(1, LONG).join()).isInstanceOf(Answer.Unavailable.class);
        assertThat(fake.pids()).isEmpty();
      }
    }

    @ParameterizedTest
    @CsvSource(
        delimiter = '|',
        value = {
          "PERMISSION_DENIED|broker \"x\" is not allowed to use reference type"
              + " \"y\"|allowed_reference_types",
          "UNIMPLEMENTED|unknown service|broker.socket_path",
          "UNAVAILABLE|gone|broker.brokers",
        })
    void ask_anAgentThatRefuses_isUnavailable_withWhatToDo(
        Status.Code code, String said, String advice) throws Exception {
      var socket = folder.resolve("broker.sock");
      try (var server = source(AGENT);
          var fake =
              new FakeSpireAgent(socket, SpiffeTls.serverCredentials(server, BRIDGE::equals));
          var agent = SpireAgent.broker(socket, own, BRIDGE)) {
        fake.refuse(code.toStatus().withDescription(said));

        assertThat(agent.ask(1, LONG).join())
            .isInstanceOfSatisfying(
                Answer.Unavailable.class,
                unavailable -> assertThat(unavailable.why()).contains("broker.sock", advice));
      }
    }
  }
}
