package io.kith.server.cli;

import static io.kith.server.check.Samples.headers;
import static io.kith.server.cli.ServedShop.OWNER;
import static io.kith.server.control.Shop.CATALOG;
import static io.kith.server.control.Shop.HASH;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.elsewhere;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;

import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.grpc.Metadata;
import io.kith.baselines.config.Inbound;
import io.kith.baselines.config.KithConfig.OnFailure;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.destination.DestinationFacts;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.server.check.CheckRecord;
import io.kith.server.check.CheckSettings;
import io.kith.server.check.Samples;
import io.kith.server.check.ServiceUnderTest;
import io.kith.server.control.Shop;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** How a denial of each reason comes about in the shop, whose payments may reach its database. */
final class ReasonStories {
  static final String OLD_IMAGE = "sha256:" + "1".repeat(64);
  static final String NEW_IMAGE = "sha256:" + "2".repeat(64);

  /** Rules of a person that payments and others run into. */
  static final String ALLOW_LIST =
      """
      apiVersion: kith.io/v1
      kind: EgressAllowList
      metadata: {name: checkout}
      spec:
        workload: shop/deployment/checkout
        rules:
          - action: allow
            by: ada@example.com
            why: the vendor's agent, SHOP-815
            strictness: hash
            process:
              path: /opt/vendor/agent
              sha256: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
            destination: {cidr: 203.0.113.0/24, port: 443}
          - action: allow
            by: grace@example.com
            why: nightly export, started by cron only
            strictness: lineage
            process: {path: /usr/bin/export, lineage: [/usr/sbin/crond]}
            destination: {cidr: 203.0.113.0/24, port: 443}
      """;

  private static final CheckSettings SETTINGS = ServiceUnderTest.settings();
  private static final String NEW_POD = "10.88.1.3";
  private static final Duration SOON = Duration.ofMillis(60);

  private ReasonStories() {}

  /** What happens, up to the denial. */
  @FunctionalInterface
  interface Story {
    CheckRecord tell(ServedShop shop) throws Exception;
  }

  static void enforce(ServedShop shop) {
    shop.check(flow(database(), payments(OLD_IMAGE)));
    done(shop, "learn", "finish", OWNER, "--note", "suite passed");
    done(shop, "mode", OWNER, "enforce", "--note", "reviewed");
  }

  static void done(ServedShop shop, String... arguments) {
    assertThat(shop.kith(arguments)).as(shop.err.toString()).isZero();
  }

  // programs

  private static Candidate payments(String image) {
    return program("/app/payments", Origin.IMAGE, EntryKind.NATIVE, image, List.of(), Set.of());
  }

  private static Candidate program(String path, Origin origin) {
    return program(path, origin, EntryKind.NATIVE, OLD_IMAGE, List.of(), Set.of());
  }

  private static Candidate program(
      String path,
      Origin origin,
      EntryKind kind,
      @Nullable String image,
      List<String> injected,
      Set<SpiffeId> attested) {
    var fingerprint =
        new ProcessFingerprint(
            path,
            HASH,
            origin,
            1_000,
            kind,
            path.substring(path.lastIndexOf('/') + 1),
            null,
            List.of("/sbin/init"),
            "app",
            image,
            injected,
            false);
    return new Candidate(
        "fp:" + path, fingerprint, ProcessClass.of(fingerprint), Quality.EXACT, attested);
  }

  // stories

  static CheckRecord newProcess(ServedShop shop) {
    return shop.check(flow(database(), program("/usr/bin/curl", Origin.IMAGE)));
  }

  static CheckRecord newDestination(ServedShop shop) throws Exception {
    shop.pass(Duration.ofHours(30));
    shop.check(flow(database(), payments(NEW_IMAGE)), NEW_POD);
    shop.flush();
    shop.pass(Duration.ofMinutes(5));
    return shop.check(flow(elsewhere(), payments(NEW_IMAGE)), NEW_POD);
  }

  static CheckRecord originNotInImage(ServedShop shop) {
    return shop.check(flow(database(), program("/app/payments", Origin.WRITABLE_LAYER)));
  }

  static CheckRecord hashChanged(ServedShop shop) {
    return shop.check(flow(elsewhere(), program("/opt/vendor/agent", Origin.IMAGE)));
  }

  static CheckRecord lineageMismatch(ServedShop shop) {
    return shop.check(flow(elsewhere(), program("/usr/bin/export", Origin.IMAGE)));
  }

  static CheckRecord interpreterInline(ServedShop shop) {
    return shop.check(
        flow(
            database(),
            program(
                "/usr/bin/python3",
                Origin.IMAGE,
                EntryKind.INLINE,
                OLD_IMAGE,
                List.of(),
                Set.of())));
  }

  static CheckRecord injectedCode(ServedShop shop) {
    return shop.check(
        flow(
            database(),
            program(
                "/app/payments",
                Origin.IMAGE,
                EntryKind.NATIVE,
                OLD_IMAGE,
                List.of("/tmp/hook.so"),
                Set.of())));
  }

  static CheckRecord identityMismatch(ServedShop shop) {
    return shop.check(
        flow(
            database(),
            program(
                "/app/payments",
                Origin.IMAGE,
                EntryKind.NATIVE,
                OLD_IMAGE,
                List.of(),
                CATALOG.spiffeIds())));
  }

  static CheckRecord nameMismatch(ServedShop shop) {
    var directory =
        new StaticWorkloadDirectory(
            List.of(
                new StaticWorkloadDirectory.Entry(
                    Shop.DB.owner(),
                    null,
                    "prod",
                    List.of(IpAddress.parse("10.88.2.10")),
                    List.of()),
                new StaticWorkloadDirectory.Entry(
                    CATALOG.owner(), null, "prod", List.of(), List.of("catalog.shop"))));
    var facts =
        new DestinationFacts(
            IpAddress.parse("10.88.2.10"),
            5_432,
            Protocol.TCP,
            null,
            "catalog.shop",
            null,
            Set.of());
    return shop.check(flow(facts.resolve(directory), payments(OLD_IMAGE)));
  }

  static CheckRecord expired(ServedShop shop) {
    var denied = newProcess(shop);
    done(shop, "allow", OWNER, denied.decisionId(), "--ttl", "4h", "--note", "CHG-1");
    shop.pass(Duration.ofHours(4));
    return newProcess(shop);
  }

  static CheckRecord deniedByHand(ServedShop shop) {
    var allowed = shop.check(flow(database(), payments(OLD_IMAGE)));
    done(shop, "deny", OWNER, allowed.decisionId(), "--note", "INC-7, credentials leaked");
    return shop.check(flow(database(), payments(OLD_IMAGE)));
  }

  static CheckRecord quarantined(ServedShop shop) {
    done(shop, "show", OWNER);
    var shown = Pattern.compile("e:[0-9a-f]{12}").matcher(shop.out.toString());
    assertThat(shown.find()).isTrue();
    var edge = shown.group();
    done(shop, "quarantine", OWNER, edge, "--ttl", "4h", "--note", "INC-8, a miner in it");
    return shop.check(flow(database(), payments(OLD_IMAGE)));
  }

  static CheckRecord unattributed(ServedShop shop) {
    return shop.check(Shop.unattributed());
  }

  static CheckRecord bridgeUnavailable(ServedShop shop) {
    return shop.check(
        new Flow(
            Shop.CHECKOUT_ID,
            new Attribution.BridgeUnavailable("no bridge has registered 10.88.1.2"),
            database()));
  }

  // what the service that Envoy asks answers before there is a flow

  private static CheckRecord served(
      ServedShop shop,
      CheckSettings settings,
      CheckRequest request,
      Metadata headers,
      Consumer<ServiceUnderTest> prepare)
      throws Exception {
    try (var service = new ServiceUnderTest(settings)) {
      service.policy.decideBy(shop::snapshot);
      prepare.accept(service);
      var _ = service.check(request, headers);
      return shop.record(service.answered.getLast().record());
    }
  }

  private static Metadata outbound() {
    return headers("x-kith-direction", "outbound");
  }

  static CheckRecord unknownReporter(ServedShop shop) throws Exception {
    return served(
        shop,
        SETTINGS,
        Samples.l4(),
        outbound(),
        service -> service.peer(Samples.peer(Samples.STRANGER, Samples.POD)));
  }

  /** The caller's certificate, and nothing that its sidecar let out. */
  static CheckRecord badProvenance(ServedShop shop) throws Exception {
    var request = Samples.l7("checkout").toBuilder();
    var attributes = request.getAttributesBuilder();
    attributes.getSourceBuilder().setPrincipal("spiffe://dev.kith.local/ns/shop/sa/web");
    attributes.getDestinationBuilder().setAddress(Samples.address(Samples.POD, 15_006));
    return served(
        shop,
        SETTINGS,
        request.build(),
        headers("x-kith-direction", "inbound"),
        service -> service.policy.ask(Inbound.REQUIRE));
  }

  static CheckRecord malformed(ServedShop shop) throws Exception {
    return served(shop, SETTINGS, Samples.l4(), new Metadata(), _ -> {});
  }

  static CheckRecord overloaded(ServedShop shop) throws Exception {
    var full =
        new CheckSettings(List.of(), Duration.ofSeconds(20), Duration.ofSeconds(10), passing(), 0);
    return served(shop, full, Samples.l4(), outbound(), _ -> {});
  }

  private static OnFailure passing() {
    return new OnFailure(true, true);
  }

  static CheckRecord deadline(ServedShop shop) throws Exception {
    return served(
        shop,
        ServiceUnderTest.settings(SOON),
        Samples.l4(),
        outbound(),
        service -> service.processes.answer(_ -> new CompletableFuture<>()));
  }

  static CheckRecord internal(ServedShop shop) throws Exception {
    return served(
        shop,
        SETTINGS,
        Samples.l4(),
        outbound(),
        service ->
            service.processes.answer(
                _ -> CompletableFuture.failedFuture(new IllegalStateException("a bug"))));
  }
}
