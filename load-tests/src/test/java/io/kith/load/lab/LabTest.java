package io.kith.load.lab;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.istio.StandaloneRecipe;
import io.kith.istio.StandaloneRecipe.Address;
import io.kith.istio.StandaloneRecipe.Redirected;
import io.kith.istio.StandaloneRecipe.TcpCheck;
import io.kith.load.tools.Envoy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * The lab with the real Envoy and a stand-in for the server: what is allowed travels, what is
 * denied does not arrive.
 */
class LabTest {
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final Consumer<String> SAY = System.out::println;

  /** Connects, reads the banner if told to, asks, prints the answer. */
  private static final String DATABASE_CLIENT =
      """
      #!/usr/bin/perl
      use strict; use IO::Socket::IP;
      my ($host, $port, $listen) = @ARGV;
      my $s = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Timeout => 60) or die "connect: $@";
      if ($listen) { my $banner = <$s>; print $banner // "END\\n"; exit unless $listen eq "ask"; }
      else { my $banner = <$s>; }
      print $s "GET token\\n";
      my $answer = <$s>;
      print $answer // "END\\n";
      """;

  private static Lab lab;
  private static Envoy envoy;
  private static Pod pod;
  private static Upstream database;
  private static Upstream stock;
  private static Upstream pay;
  private static SwitchedAuthorization authorization;
  private static Path cgroups;

  @BeforeAll
  static void open() throws Exception {
    envoy = Envoy.find(SAY);
    lab = Lab.open("kith", SAY);
    assertThat(lab.cgroupProblem()).isEmpty();
    cgroups = requireNonNull(Cgroups.folderOf(lab.id()));
    assertThat(cgroups).isDirectory();
    pod = lab.addPod("checkout", Image.of(Map.of("/app/database-client", DATABASE_CLIENT), SAY));
    database = lab.addHost("orders-db").database(5432);
    stock = lab.addHost("stock").http(8080);
    pay = lab.addHost("pay").tls(8443);
    authorization = new SwitchedAuthorization(lab.address());
    pod.write("/tmp/pay.pem", pay.certificate());
  }

  @AfterAll
  static void close() {
    if (authorization != null) {
      authorization.close();
    }
    if (lab != null) {
      var traces = lab.id();
      lab.close();
      assertThat(Path.of("/run/netns").toFile().list()).noneMatch(name -> name.startsWith(traces));
      assertThat(Leftovers.ROOT.resolve(traces)).doesNotExist();
      assertThat(cgroups).doesNotExist();
    }
  }

  @BeforeEach
  void allowEverything() {
    authorization.allow(true);
    authorization.forget();
    List.of(database, stock, pay).forEach(Upstream::forget);
  }

  private static StandaloneRecipe recipe(TcpCheck tcp) {
    return new StandaloneRecipe(
        "node-1",
        "checkout",
        new Address(lab.address().getHostAddress(), authorization.port()),
        "spiffe://dev.kith.local/ns/kith/sa/authz-server",
        null,
        new Redirected(),
        tcp,
        List.of(8080),
        List.of(8443),
        false,
        Duration.ofSeconds(20),
        null,
        15000);
  }

  private static String askDatabase(String host, String... more) throws Exception {
    var argv = new ArrayList<>(List.of("/app/database-client", host, "5432"));
    argv.addAll(List.of(more));
    return pod.start(1000, "", argv).await(LIMIT).stdout();
  }

  private static PodProcess.Outcome curl(String... arguments) throws Exception {
    var argv = new ArrayList<>(List.of("curl", "-sS", "--max-time", "60"));
    argv.addAll(List.of(arguments));
    return pod.start(1000, "", argv).await(LIMIT);
  }

  /** What both forms of the recipe do. */
  @TestInstance(TestInstance.Lifecycle.PER_CLASS)
  abstract static class BothRecipes {
    EnvoyProxy proxy;

    abstract TcpCheck tcp();

    @BeforeAll
    void startEnvoy() throws Exception {
      proxy = EnvoyProxy.start(pod, envoy, recipe(tcp()));
    }

    @AfterAll
    void stopEnvoy() {
      if (proxy != null) {
        proxy.close();
      }
    }

    @AfterEach
    void noConnectionIsLeft() throws Exception {
      awaitThat(() -> proxy.stat("listener.0.0.0.0_15001.downstream_cx_active") == 0);
    }

    @Test
    void pod_containerAndEnvoy_haveCgroupsOfTheirOwnInThatOfThePod() throws Exception {
      var container = cgroup(pod.firstPid());
      var sidecar = cgroup(proxy.pid());

      assertThat(List.of(container, sidecar))
          .allSatisfy(
              path ->
                  assertThat(path)
                      .matches(
                          "/kith-lab-"
                              + lab.id()
                              + "/kubepods/besteffort/pod[0-9a-f-]{36}/[0-9a-f]{64}"));
      assertThat(container).isNotEqualTo(sidecar);
      assertThat(Path.of(container).getParent()).isEqualTo(Path.of(sidecar).getParent());
    }

    private static String cgroup(long pid) throws Exception {
      return Files.readAllLines(Path.of("/proc", Long.toString(pid), "cgroup")).stream()
          .filter(line -> line.startsWith("0::"))
          .map(line -> line.substring("0::".length()))
          .findFirst()
          .orElseThrow();
    }

    @Test
    void database_allowed_answersTheToken() throws Exception {
      assertThat(askDatabase("orders-db")).isEqualTo("TOKEN " + database.token() + "\n");
      assertThat(database.connections()).hasSize(1);
      assertThat(authorization.asked()).hasSize(1);
    }

    @Test
    void database_allowedOverIpv6_answersTheToken() throws Exception {
      assertThat(askDatabase(database.host().v6().getHostAddress())).contains(database.token());
      assertThat(authorization.asked()).hasSize(1);
    }

    @Test
    void database_denied_seesNoByte() throws Exception {
      authorization.allow(false);

      assertThat(askDatabase("orders-db")).doesNotContain(database.token());

      assertThat(authorization.asked()).isNotEmpty();
      assertThat(database.bytes()).isZero();
    }

    @Test
    void http_allowed_answersTheTokenAfterBothChecks() throws Exception {
      assertThat(curl("http://stock:8080/items?key=1").stdout()).isEqualTo(stock.token() + "\n");

      assertThat(authorization.asked())
          .extracting(SwitchedAuthorization.Asked::http)
          .containsExactly(false, true);
      assertThat(authorization.asked().stream().map(one -> one.metadata("x-kith-conn")).distinct())
          .as("one connection")
          .hasSize(1);
      assertThat(authorization.asked())
          .allSatisfy(
              asked -> {
                assertThat(asked.destination())
                    .isEqualTo(stock.host().v4().getHostAddress() + ":8080");
                assertThat(asked.metadata("x-kith-direction")).isEqualTo("outbound");
                assertThat(asked.metadata("x-kith-node")).isEqualTo("node-1");
                assertThat(asked.metadata("x-kith-conn")).matches("\\d+");
              });
      assertThat(authorization.asked().getLast().metadata("x-kith-cluster"))
          .isEqualTo("kith_passthrough");
    }

    @Test
    void http_secretHeaders_areNotSentToTheServer() throws Exception {
      curl("-H", "Authorization: Bearer secret", "-H", "Cookie: a=secret", "http://stock:8080/");

      assertThat(authorization.asked().getLast().request().toString()).doesNotContain("secret");
    }

    @Test
    void http_denied_isAnsweredWithARefusal_andSeesNoByte() throws Exception {
      authorization.allow(false);

      var outcome = curl("-w", "%{http_code}", "-o", "/dev/null", "http://stock:8080/");

      assertThat(outcome.stdout()).isEqualTo("403");
      assertThat(authorization.asked())
          .extracting(SwitchedAuthorization.Asked::http)
          .containsExactly(false, true);
      assertThat(stock.bytes()).isZero();
      assertThat(stock.connections()).isEmpty();
    }

    @Test
    void tls_allowed_answersTheTokenAndTheServerLearnsTheName() throws Exception {
      assertThat(curl("--cacert", "/tmp/pay.pem", "https://pay:8443/").stdout())
          .isEqualTo(pay.token() + "\n");

      assertThat(pay.connections().getFirst().serverName()).isEqualTo("pay");
      assertThat(
              authorization.asked().getFirst().request().getAttributes().getTlsSession().getSni())
          .isEqualTo("pay");
    }

    @Test
    void tls_denied_isNotEvenConnected() throws Exception {
      authorization.allow(false);

      assertThat(curl("--cacert", "/tmp/pay.pem", "https://pay:8443/").exit()).isNotZero();

      assertThat(pay.connections()).isEmpty();
    }

    @Test
    void capturePort_dialledDirectly_endsInTheBlackHole() throws Exception {
      var address = pod.v4().getHostAddress();

      assertThat(curl("http://" + address + ":15001/").exit()).isNotZero();

      assertThat(authorization.asked()).isEmpty();
    }

    @Test
    void runtimeSwitch_fromInsideThePod_isForbidden() throws Exception {
      var outcome =
          curl(
              "-o",
              "/dev/null",
              "-w",
              "%{http_code}",
              "-X",
              "POST",
              "http://127.0.0.1:15000/runtime_modify?a=b");

      assertThat(outcome.stdout()).isEqualTo("403");
    }
  }

  @Nested
  class WithBaselineRecipe extends BothRecipes {
    @Override
    TcpCheck tcp() {
      return TcpCheck.FIRST_BYTE;
    }

    /** The hole that the gate closes. */
    @Test
    void database_deniedButSilent_readsTheBanner() throws Exception {
      authorization.allow(false);

      assertThat(askDatabase("orders-db", "banner")).isEqualTo(DatabaseProtocol.BANNER + "\n");
    }
  }

  @Nested
  class WithGate extends BothRecipes {
    @Override
    TcpCheck tcp() {
      return TcpCheck.GATE;
    }

    @Test
    void database_denied_isNotEvenConnected() throws Exception {
      authorization.allow(false);

      assertThat(askDatabase("orders-db", "banner")).isEqualTo("END\n");

      assertThat(authorization.asked()).isNotEmpty();
      assertThat(database.connections()).isEmpty();
    }

    @Test
    void database_asked_carriesTheRealAddressesInHeaders() throws Exception {
      askDatabase("orders-db");

      var asked = authorization.asked().getFirst();
      assertThat(asked.request().getAttributes().getSource().getAddress().hasEnvoyInternalAddress())
          .isTrue();
      assertThat(asked.header("x-kith-src")).startsWith(pod.v4().getHostAddress() + ":");
      assertThat(asked.header("x-kith-dst"))
          .isEqualTo(database.host().v4().getHostAddress() + ":5432");
      assertThat(asked.header("x-kith-conn"))
          .matches("\\d+")
          .isEqualTo(asked.metadata("x-kith-conn"));
    }
  }

  @Test
  void pod_process_isAChildOfTheEntrypointOnAnOverlay() throws Exception {
    var sleep = pod.start(1000, "", List.of("/usr/bin/sleep", "60"));
    var process = Path.of("/proc", Long.toString(sleep.pidOnMachine()));

    awaitThat(
        () -> Files.readSymbolicLink(process.resolve("exe")).equals(Path.of("/usr/bin/sleep")));
    assertThat(Files.readString(process.resolve("mountinfo")).lines().findFirst())
        .get()
        .asString()
        .contains(" / / ")
        .contains("overlay");
    assertThat(Files.readString(process.resolve("mountinfo")))
        .doesNotContain("/run/kith-lab/" + lab.id() + "/checkout/root ");
    assertThat(Files.readString(process.resolve("status"))).containsPattern("Uid:\\s+1000");
    assertThat(ancestors(sleep.pidOnMachine())).contains(pod.firstPid());

    sleep.kill();
    assertThat(sleep.await(LIMIT).exit()).isEqualTo(137);
  }

  @Test
  void pod_program_readsItsInputAndReportsItsExit() throws Exception {
    var outcome =
        pod.start(0, "one\ntwo\n", List.of("bash", "-c", "cat; echo no >&2; exit 7")).await(LIMIT);

    assertThat(outcome).isEqualTo(new PodProcess.Outcome(7, "one\ntwo\n", "no\n"));
  }

  @Test
  void pod_exec_entersFromOutside() throws Exception {
    var outcome =
        pod.exec(
                LIMIT,
                0,
                List.of("bash", "-c", "echo $PPID $(id -u) $HOSTNAME; cat /proc/{1,self}/cgroup"))
            .output()
            .lines()
            .toList();

    assertThat(outcome.getFirst()).startsWith("0 0 ");
    assertThat(outcome.stream().filter(line -> line.startsWith("0::")).distinct())
        .as("in the container's cgroup, as a runtime puts it")
        .singleElement()
        .asString()
        .contains("/kubepods/");
  }

  private static List<Long> ancestors(long pid) {
    return Stream.iterate(ProcessHandle.of(pid), handle -> handle.flatMap(ProcessHandle::parent))
        .takeWhile(Optional::isPresent)
        .map(handle -> handle.orElseThrow().pid())
        .toList();
  }

  private static void awaitThat(Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
    while (!condition.call()) {
      assertThat(System.nanoTime()).as("waiting").isLessThan(end);
      Thread.onSpinWait();
    }
  }
}
