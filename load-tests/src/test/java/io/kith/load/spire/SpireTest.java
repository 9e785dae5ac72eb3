package io.kith.load.spire;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.bridge.identity.Attested;
import io.kith.bridge.identity.ProcessIdentities;
import io.kith.bridge.identity.SpireIdentities;
import io.kith.bridge.process.Sighting;
import io.kith.bridge.stream.NodeView.IdentitySource;
import io.kith.load.tools.Command;
import io.kith.load.tools.Spire;
import io.kith.load.tools.ToolCache;
import io.kith.spiffe.Svid;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.spire.SpireAgent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A real SPIRE names the processes of this machine. Two programs are registered, one by its path
 * and one by its hash; every process of our user has a third SPIFFE ID; ours has that of the
 * bridge.
 */
@Tag("spire")
class SpireTest {
  private static final SpiffeId CHECKOUT = SpiffeId.parse(SpireLab.DOMAIN + "/checkout");
  private static final SpiffeId BILLING = SpiffeId.parse(SpireLab.DOMAIN + "/billing");
  private static final SpiffeId USER = SpiffeId.parse(SpireLab.DOMAIN + "/user");
  private static final SpiffeId BRIDGE = SpiffeId.parse(SpireLab.BRIDGE);
  private static final IpAddress POD = IpAddress.parse("10.88.1.2");
  private static final Duration LIMIT = Duration.ofMinutes(2);

  private static Path folder;
  private static SpireLab spire;
  private static String ours;
  private static Process checkout;
  private static Process billing;
  private static WorkloadApiSource own;

  /** How the agent is asked. */
  enum Api {
    DELEGATED {
      @Override
      SpireIdentities open() {
        return SpireIdentities.start(
            SpireAgent.delegated(spire.admin()),
            IdentitySource.SPIRE_DELEGATED,
            words -> System.out.println("delegated: " + words));
      }
    },
    BROKER {
      @Override
      SpireIdentities open() {
        return SpireIdentities.start(
            SpireAgent.broker(spire.broker(), own, BRIDGE),
            IdentitySource.SPIRE_BROKER,
            words -> System.out.println("broker: " + words));
      }
    };

    abstract SpireIdentities open();
  }

  @BeforeAll
  static void start() throws Exception {
    folder =
        Files.createTempDirectory(
            Path.of("/tmp"),
            "kith-spire-",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
    spire = SpireLab.start(folder, Spire.find(System.out::println));
    var java = Path.of("/proc/self/exe").toRealPath();
    ours = spire.register("/identity-bridge", "unix:path:" + java);
    var first = program("checkout");
    var second = program("billing");
    spire.register("/checkout", "unix:path:" + first);
    spire.register("/billing", "unix:sha256:" + sha256(second));
    spire.register("/user", "unix:uid:" + uid());
    checkout = new ProcessBuilder(first.toString(), "3600").start();
    billing = new ProcessBuilder(second.toString(), "3600").start();
    own = WorkloadApiSource.start(spire.workloadApi(), BRIDGE, Clock.systemUTC());
    assertThat(own.awaitReady(LIMIT)).as("%s", own.state()).isTrue();
  }

  @AfterAll
  static void stop() {
    for (var process : new Process[] {checkout, billing}) {
      if (process != null) {
        process.destroyForcibly();
      }
    }
    if (own != null) {
      own.close();
    }
    if (spire != null) {
      spire.close();
    }
    ToolCache.delete(folder);
  }

  /**
   * A program with a path and a hash of its own: bytes after the last of an executable are unused.
   */
  private static Path program(String name) throws IOException {
    var program = folder.resolve(name);
    Files.copy(requireNonNull(Command.find("sleep")).toRealPath(), program);
    Files.writeString(program, name, StandardOpenOption.APPEND);
    return program;
  }

  private static String sha256(Path file) throws Exception {
    return HexFormat.of()
        .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
  }

  private static int uid() throws IOException {
    return (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
  }

  private static Attested ask(ProcessIdentities identities, Process process) {
    return identities.of(
        Sighting.holder((int) process.pid()), POD, System.nanoTime() + LIMIT.toNanos());
  }

  private static void await(String what, BooleanSupplier condition) throws Exception {
    var end = System.nanoTime() + LIMIT.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        throw new TimeoutException(what);
      }
      TimeUnit.MILLISECONDS.sleep(100);
    }
  }

  private static void awaitIds(ProcessIdentities identities, Process process, SpiffeId... ids)
      throws Exception {
    await(
        process + " is " + List.of(ids) + ", " + identities.words(),
        () -> ask(identities, process).ids().equals(Set.of(ids)));
  }

  /** Asks until the provider says what is wrong. */
  private static void awaitProblem(String what, ProcessIdentities identities) throws Exception {
    await(
        what,
        () -> {
          var _ = ask(identities, checkout);
          return identities.problem() != null;
        });
  }

  private static void awaitBoth(ProcessIdentities identities) throws Exception {
    awaitIds(identities, checkout, CHECKOUT, USER);
    awaitIds(identities, billing, BILLING, USER);
  }

  @ParameterizedTest
  @EnumSource
  @Timeout(600)
  void eachProcess_hasTheIdsOfItsEntries(Api api) throws Exception {
    try (var identities = api.open()) {
      awaitBoth(identities);

      assertThat(identities.words()).isEqualTo("attested by SPIRE");
      assertThat(identities.problem()).isNull();
    }
  }

  @ParameterizedTest
  @EnumSource
  @Timeout(600)
  void aProcessThatHasEnded_hasNone(Api api) throws Exception {
    try (var identities = api.open()) {
      var third = new ProcessBuilder(folder.resolve("checkout").toString(), "3600").start();
      awaitIds(identities, third, CHECKOUT, USER);
      third.destroyForcibly().waitFor();

      var gone = ask(identities, third);

      assertThat(gone.ids()).isEmpty();
      assertThat(gone.remark()).contains("process " + third.pid());
    }
  }

  @ParameterizedTest
  @EnumSource
  @Timeout(600)
  void afterARenewal_theIdsAreTheSame(Api api) throws Exception {
    try (var identities = api.open()) {
      awaitBoth(identities);
      var before = own.svid().map(Svid::expires).orElseThrow();

      await(
          "renewed, and the SVID before it has expired",
          () ->
              Instant.now().isAfter(before)
                  && own.svid().map(Svid::expires).filter(before::isBefore).isPresent());

      awaitBoth(identities);
    }
  }

  @ParameterizedTest
  @EnumSource
  @Timeout(600)
  void anEntryThatIsDeleted_isAnIdThatIsGone(Api api) throws Exception {
    try (var identities = api.open()) {
      var extra = spire.register("/extra", "unix:path:" + folder.resolve("checkout"));
      awaitIds(identities, checkout, CHECKOUT, USER, SpiffeId.parse(SpireLab.DOMAIN + "/extra"));

      spire.delete(extra);

      awaitIds(identities, checkout, CHECKOUT, USER);
    }
  }

  @ParameterizedTest
  @EnumSource
  @Timeout(600)
  void anAgentThatStartsAgain_isAskedAgain(Api api) throws Exception {
    try (var identities = api.open()) {
      awaitBoth(identities);

      spire.agent().kill();
      await(
          "an agent that is gone is noticed",
          () -> ask(identities, checkout).ids().isEmpty() && identities.problem() != null);
      assertThat(ask(identities, checkout).remark()).contains("not attested");
      spire.startAgent();

      awaitBoth(identities);
      assertThat(identities.problem()).isNull();
    }
  }

  @ParameterizedTest
  @EnumSource
  @Timeout(600)
  void anAgentThatHangs_isSaid_andAskedAgainWhenItGoesOn(Api api) throws Exception {
    try (var identities = api.open()) {
      awaitBoth(identities);

      signal("STOP");
      try {
        awaitProblem("an agent that hangs is noticed", identities);
        assertThat(identities.words()).contains("does not answer within");
        assertThat(ask(identities, checkout).ids()).isEmpty();
      } finally {
        signal("CONT");
      }

      awaitBoth(identities);
    }
  }

  private static void signal(String name) throws Exception {
    Command.run(LIMIT, List.of("kill", "-" + name, String.valueOf(spire.agent().pid()))).orFail();
  }

  @Test
  @Timeout(600)
  void aBridgeThatIsNoDelegate_isToldWhatToSet() throws Exception {
    try (var identities = Api.DELEGATED.open()) {
      awaitBoth(identities);
      spire.delete(ours);
      awaitProblem("our own entry is gone", identities);

      assertThat(identities.problem()).contains("authorized_delegates");

      ours =
          spire.register("/identity-bridge", "unix:path:" + Path.of("/proc/self/exe").toRealPath());
      awaitBoth(identities);
    }
  }
}
