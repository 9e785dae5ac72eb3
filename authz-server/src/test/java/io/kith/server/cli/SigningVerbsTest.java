package io.kith.server.cli;

import static io.kith.server.cli.ServedShop.OWNER;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.elsewhere;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.bundle.Pem;
import io.kith.server.control.ServerKeys;
import io.kith.server.control.Shop;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PublicKey;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Verbs that sign, and verbs for what others signed, against a real server. */
@Timeout(600)
class SigningVerbsTest {
  private static final Pattern EDGE = Pattern.compile("e:[0-9a-f]{12}");
  private static final Pattern REVISION = Pattern.compile("bl:[0-9a-f]+");

  @TempDir Path folder;
  private ServedShop shop;

  /** A server that approves nothing itself: ada's key does, and the bundles of QA are trusted. */
  @BeforeEach
  void start() throws Exception {
    try (var keys = new ServedShop(Files.createDirectory(folder.resolve("keys")))) {
      for (var name : List.of("ada.pem", "qa.pem")) {
        assertThat(keys.kith("keys", "new", name)).as(keys.err.toString()).isZero();
      }
    }
    for (var name : List.of("ada.pem", "qa.pem")) {
      Files.copy(folder.resolve("keys").resolve(name), folder.resolve(name));
    }
    shop =
        new ServedShop(
            folder,
            List.of(),
            new ServerKeys(
                ServerKeys.fresh(),
                null,
                List.of(publicKey("ada.pem.pub")),
                List.of(publicKey("qa.pem.pub")),
                List.of()));
  }

  private PublicKey publicKey(String name) throws Exception {
    return Pem.publicKey(Files.readString(folder.resolve("keys").resolve(name)));
  }

  @AfterEach
  void stop() {
    shop.close();
  }

  private String done(String... arguments) {
    var code = shop.kith(arguments);
    assertThat(code).as(shop.err.toString()).isZero();
    return shop.out.toString();
  }

  private String refused(String... arguments) {
    assertThat(shop.kith(arguments)).as(shop.out.toString()).isEqualTo(1);
    return shop.err.toString();
  }

  private void enforce() {
    shop.check(flow(database(), PAYMENTS));
    done("learn", "finish", OWNER, "--note", "suite passed");
    done("mode", OWNER, "enforce", "--note", "reviewed");
  }

  private String proposeTheExternalEdge() {
    enforce();
    shop.check(flow(elsewhere(), PAYMENTS));
    var edge = EDGE.matcher(done("show", "--review", OWNER));
    assertThat(edge.find()).isTrue();
    done("approve", OWNER, edge.group(), "--note", "reviewed");
    return refused("mode", OWNER, "enforce", "--note", "ready");
  }

  @Test
  void approve_withAKey_letsTheEdgeDecide() {
    assertThat(proposeTheExternalEdge()).contains("leave the mesh and no approver signed them");

    done("approve", OWNER, "--key", "ada.pem", "--note", "CHG-7");

    done("mode", OWNER, "enforce", "--note", "ready");
    assertThat(shop.check(flow(elsewhere(), PAYMENTS)).decision().applied().word())
        .isEqualTo("allow");
    assertThat(done("audit", OWNER)).contains("approve", "CHG-7");
  }

  @Test
  void approve_withAnApprovalMadeElsewhere_letsTheEdgeDecide() throws Exception {
    proposeTheExternalEdge();
    Files.writeString(
        folder.resolve("checkout.yaml"), done("export", OWNER, "--revision", "proposed"));
    done("sign", "checkout.yaml", "--key", "ada.pem", "--out", "checkout.approval");

    done("approve", OWNER, "--approval", "checkout.approval", "--note", "CHG-8");

    done("mode", OWNER, "enforce", "--note", "ready");
    assertThat(shop.check(flow(elsewhere(), PAYMENTS)).decision().applied().word())
        .isEqualTo("allow");
  }

  @Test
  void approve_edgesWithAnApprovalThatIsNotThere_proposesNothing() {
    enforce();
    shop.check(flow(elsewhere(), PAYMENTS));
    var edge = EDGE.matcher(done("show", "--review", OWNER));
    assertThat(edge.find()).isTrue();
    var before = done("revisions", OWNER);

    assertThat(
            refused("approve", OWNER, edge.group(), "--approval", "no.approval", "--note", "CHG-8"))
        .contains("no.approval");

    assertThat(done("revisions", OWNER)).isEqualTo(before);
  }

  @Test
  void approve_withAStrangersKey_changesNothing() {
    proposeTheExternalEdge();

    assertThat(refused("approve", OWNER, "--key", "qa.pem", "--note", "please"))
        .contains("the approval is not good");
    assertThat(refused("mode", OWNER, "enforce", "--note", "ready"))
        .contains("no approver signed them");
  }

  @Test
  void allow_leavingTheMesh_needsAKey() {
    enforce();
    var denied = shop.check(flow(elsewhere(), PAYMENTS)).decisionId();
    assertThat(refused("allow", OWNER, denied, "--ttl", "4h", "--note", "CHG-9"))
        .contains("leaves the mesh, and an approver has to sign that");

    done("allow", OWNER, denied, "--ttl", "4h", "--key", "ada.pem", "--note", "CHG-9");

    assertThat(shop.check(flow(elsewhere(), PAYMENTS)).decision().applied().word())
        .isEqualTo("allow");
  }

  @Test
  void rollback_toTheBaselineBefore_denisWhatCameSince() {
    enforce();
    shop.check(flow(database(), CURL));
    var edge = EDGE.matcher(done("show", "--review", OWNER));
    assertThat(edge.find()).isTrue();
    done("approve", OWNER, edge.group(), "--note", "reviewed");
    done("mode", OWNER, "enforce", "--note", "ready");
    assertThat(shop.check(flow(database(), CURL)).decision().applied().word()).isEqualTo("allow");

    assertThat(done("rollback", OWNER, "--note", "it broke")).contains("bl:");

    assertThat(shop.check(flow(database(), CURL)).decision().applied().word()).isEqualTo("deny");
    assertThat(shop.check(flow(database(), PAYMENTS)).decision().applied().word())
        .isEqualTo("allow");
    assertThat(done("revisions", OWNER)).contains("enforced", "rolled back: it broke");
  }

  @Test
  void promote_aBundleOfATrustedKey_vouches_andAnAlteredOneDoesNot() throws Exception {
    enforce();
    Files.writeString(folder.resolve("checkout.yaml"), done("export", OWNER));
    done(
        "bundle", "create", "checkout.yaml", "--env", "qa", "--key", "qa.pem", "--out", "b.bundle");

    passToNow();

    assertThat(done("promote", "b.bundle", "--dry-run")).contains(OWNER);
    done("promote", "b.bundle", "--note", "release 7");
    assertThat(done("coverage", OWNER, "-o", "json")).contains("\"vouchers\": 1");
    assertThat(done("audit")).contains("import", "release 7");

    var changed = Files.readString(folder.resolve("b.bundle")).replace("payload", "payloae");
    Files.writeString(folder.resolve("b.bundle"), changed);
    assertThat(refused("promote", "b.bundle", "--note", "again")).contains("the bundle is refused");
  }

  @Test
  void promote_asPolicy_proposesWhatTheBundleHas_onceAndNothingByItself() throws Exception {
    bundleWithCurl();
    var enforced = enforcedRevision();

    var proposed = done("promote", "b.bundle", "--policy", "--note", "release 7");

    var revision = REVISION.matcher(proposed.substring(proposed.indexOf("Proposed: ")));
    assertThat(revision.find()).as(proposed).isTrue();
    assertThat(revision.group()).isNotEqualTo(enforced);
    assertThat(shop.check(flow(database(), CURL)).decision().applied().word()).isEqualTo("deny");
    assertThat(done("promote", "b.bundle", "--policy", "--note", "again"))
        .contains("Proposed: " + revision.group());
    assertThat(done("audit", OWNER)).contains("release 7").doesNotContain("again");

    done("mode", OWNER, "enforce", "--note", "ready");
    assertThat(shop.check(flow(database(), CURL)).decision().applied().word()).isEqualTo("allow");
    assertThat(enforcedRevision()).isEqualTo(revision.group());
  }

  @Test
  void promote_asPolicy_ofAnAlteredBundle_proposesNothing() throws Exception {
    bundleWithCurl();
    var before = done("revisions", OWNER);
    var changed = Files.readString(folder.resolve("b.bundle")).replace("payload", "payloae");
    Files.writeString(folder.resolve("b.bundle"), changed);

    assertThat(refused("promote", "b.bundle", "--policy", "--note", "release 7"))
        .contains("the bundle is refused");

    assertThat(done("revisions", OWNER)).isEqualTo(before);
  }

  /** A bundle of QA that lets curl reach the database, which is not allowed here. */
  private void bundleWithCurl() throws Exception {
    enforce();
    shop.check(flow(database(), CURL));
    var edge = EDGE.matcher(done("show", "--review", OWNER));
    assertThat(edge.find()).isTrue();
    done("approve", OWNER, edge.group(), "--note", "reviewed");
    Files.writeString(
        folder.resolve("checkout.yaml"), done("export", OWNER, "--revision", "proposed"));
    done(
        "bundle", "create", "checkout.yaml", "--env", "qa", "--key", "qa.pem", "--out", "b.bundle");
    done("reject", OWNER, "--note", "only to have a bundle");
    passToNow();
  }

  private String enforcedRevision() {
    var found =
        done("revisions", OWNER)
            .lines()
            .filter(line -> line.contains("enforced"))
            .map(REVISION::matcher)
            .filter(Matcher::find)
            .findFirst();
    return found.orElseThrow().group();
  }

  /** Bundles are dated by the real clock. */
  private void passToNow() {
    var ahead = Duration.between(Shop.NOON, Instant.now());
    if (ahead.isPositive()) {
      shop.pass(ahead.plusMinutes(1));
    }
  }
}
