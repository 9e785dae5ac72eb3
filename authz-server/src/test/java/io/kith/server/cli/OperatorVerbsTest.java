package io.kith.server.cli;

import static io.kith.server.cli.ServedShop.OWNER;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.DROPPED;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.elsewhere;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import com.google.protobuf.Timestamp;
import io.grpc.InsecureServerCredentials;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.stub.StreamObserver;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.AuditRecord;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.GetStatusResponse;
import io.kith.admin.v1.ListAuditRequest;
import io.kith.admin.v1.ListAuditResponse;
import io.kith.admin.v1.TailDecisionsRequest;
import io.kith.admin.v1.TailDecisionsResponse;
import io.kith.baselines.config.AdminLimits;
import io.kith.server.admin.AdminServer;
import io.kith.server.admin.CallLimits;
import io.kith.server.check.Await;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Verbs against a real server over its Unix socket. */
@Timeout(600)
class OperatorVerbsTest {
  private static final Pattern EDGE = Pattern.compile("e:[0-9a-f]{12}");

  @TempDir Path folder;
  private ServedShop shop;

  @BeforeEach
  void start() throws Exception {
    shop = new ServedShop(folder);
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

  private String refused(int code, String... arguments) {
    assertThat(shop.kith(arguments)).as(shop.out.toString()).isEqualTo(code);
    return shop.err.toString();
  }

  private void enforce() {
    shop.check(flow(database(), PAYMENTS));
    done("learn", "finish", OWNER, "--note", "suite passed");
    done("mode", OWNER, "enforce", "--note", "reviewed");
  }

  private static String edgeIn(String text) {
    var matcher = EDGE.matcher(text);
    assertThat(matcher.find()).as(text).isTrue();
    return matcher.group();
  }

  @Test
  void coverage_saysWhatLearningWaitsFor() {
    shop.check(flow(database(), PAYMENTS));

    assertThat(done("coverage", OWNER))
        .contains("WORKLOAD", "UNSEEN", OWNER)
        .contains(OWNER + " waits for: 24 h more of observation");
  }

  @Test
  void anyVerb_jsonAndYaml_haveTheSameFields() {
    shop.check(flow(database(), PAYMENTS));

    var json =
        JsonParser.parseString(done("coverage", "-o", "json"))
            .getAsJsonObject()
            .getAsJsonArray("workloads")
            .get(0)
            .getAsJsonObject();
    var yaml = done("coverage", "-o", "yaml");

    assertThat(json.size()).isGreaterThan(8);
    assertThat(json.keySet()).allSatisfy(field -> assertThat(yaml).contains(field + ":"));
  }

  @Test
  void diff_beforeAnythingIsEnforced_showsTheProposalAndExits4() {
    shop.check(flow(database(), PAYMENTS));
    done("learn", "finish", OWNER, "--note", "suite passed");

    assertThat(shop.kith("diff", OWNER)).as(shop.err.toString()).isEqualTo(4);

    assertThat(shop.out.toString())
        .startsWith(OWNER + ": nothing → bl:")
        .contains("New processes\n  + /app/payments")
        .contains("→ shop/statefulset/orders-db:5432");
    assertThat(done("revisions", OWNER)).contains("proposed", "suite passed");
  }

  @Test
  void export_native_isReadBackWithoutDifference() throws Exception {
    enforce();

    Files.writeString(folder.resolve("checkout.yaml"), done("export", OWNER));

    assertThat(done("diff", "checkout.yaml", "checkout.yaml")).contains("No difference: 1 edge");
    assertThat(done("export", OWNER, "--as", "istio"))
        .startsWith("# Assumed, since no cluster was asked")
        .contains("# Lost on the way:", "kind: Sidecar");
    assertThat(refused(1, "export", "no/deployment/such")).contains("no/deployment/such");
  }

  @Test
  void mode_ofARevisionThatDoesNotWait_isRefused() {
    shop.check(flow(database(), PAYMENTS));
    done("learn", "finish", OWNER, "--note", "suite passed");
    var other = "bl:" + "0".repeat(32);

    assertThat(refused(1, "mode", OWNER, "enforce", "--revision", other, "--note", "reviewed"))
        .contains(", and not " + other + ": others changed it meanwhile (kith revisions " + OWNER);
    assertThat(done("revisions", OWNER)).contains("proposed").doesNotContain("enforced");
  }

  @Test
  void tail_showsEachEdgeOnce_andEveryDecisionWhenAsked() throws Exception {
    enforce();
    shop.check(flow(database(), CURL));
    shop.check(flow(database(), CURL));
    shop.check(flow(elsewhere(), PAYMENTS));
    shop.flush();

    assertThat(done("tail", "--limit", "2", "--denied").lines())
        .satisfiesExactly(
            first ->
                assertThat(first)
                    .contains("deny", "new_process", OWNER + ": /usr/bin/curl → ")
                    .endsWith("shop/statefulset/orders-db:5432"),
            second -> assertThat(second).contains("new_destination", "/app/payments"));
    assertThat(done("tail", "--limit", "3", "--denied", "--every", "--owner", OWNER))
        .doesNotContain(OWNER)
        .containsPattern("new_process +d:[0-9a-f]+ +/usr/bin/curl → ");
    assertThat(done("tail", "--limit", "2", "-o", "json").lines())
        .allSatisfy(
            line ->
                assertThat(JsonParser.parseString(line).getAsJsonObject().keySet())
                    .contains("id", "process", "trace_id"));
    assertThat(done("tail", "--limit", "2", "-o", "yaml").split("---\n", -1)).hasSize(3);
    assertThat(refused(2, "tail", "--last", "1001")).contains("expected: 0 to 1000");
    assertThat(refused(2, "tail", "--limit", "0")).contains("expected: 1 or more");
    assertThat(refused(1, "tail", "--owner", "no/deployment/such")).contains("no/deployment/such");
  }

  @Test
  void tail_ofWhatHappensLater_showsIt() throws Exception {
    enforce();
    var shown = new CompletableFuture<String>();
    Thread.ofVirtual()
        .start(
            () -> {
              assertThat(shop.kith("tail", "--last", "0", "--limit", "1", "--denied"))
                  .as(shop.err.toString())
                  .isZero();
              shown.complete(shop.out.toString());
            });

    Await.until(
        "a denial is shown that came while it followed",
        () -> {
          shop.check(flow(database(), CURL));
          return shown.isDone();
        });

    assertThat(shown.join()).contains("new_process", "/usr/bin/curl");
  }

  @Test
  void tail_whenItsServerIsRolled_followsTheNext_andShowsNothingTwice() throws Exception {
    enforce();
    shop.check(flow(database(), CURL));
    var first = shop;
    var ended = new CompletableFuture<Integer>();
    Thread.ofVirtual()
        .start(() -> ended.complete(first.kith("tail", "--limit", "2", "--denied", "--every")));
    Await.until("the first is shown", () -> first.out.toString().contains("/usr/bin/curl"));

    first.close();
    Await.until("it says so", () -> first.err.toString().contains("trying again until Ctrl-C"));
    assertThat(ended).isNotDone();
    shop = new ServedShop(folder);
    enforce();
    Await.until("it goes on", () -> first.err.toString().contains("the server answers again"));
    shop.check(flow(elsewhere(), PAYMENTS));

    assertThat(ended.get()).isZero();
    assertThat(first.out.toString().lines())
        .satisfiesExactly(
            before -> assertThat(before).contains("/usr/bin/curl"),
            after -> assertThat(after).contains("/app/payments"));
    assertThat(first.err.toString().lines().filter(line -> line.contains("trying again")))
        .hasSize(1);
  }

  @Test
  void anyVerb_serverThatCannotAnswerNow_saysWhatTheServerSaid() throws Exception {
    var socket = folder.resolve("busy.sock");
    var loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    var busy =
        NettyServerBuilder.forAddress(
                new DomainSocketAddress(socket.toString()), InsecureServerCredentials.create())
            .channelType(EpollServerDomainSocketChannel.class)
            .bossEventLoopGroup(loop)
            .workerEventLoopGroup(loop)
            .withChildOption(ChannelOption.SO_KEEPALIVE, null) // it has none, and warns
            .addService(
                new AdminServiceGrpc.AdminServiceImplBase() {
                  @Override
                  public void getStatus(
                      GetStatusRequest asked, StreamObserver<GetStatusResponse> answer) {
                    answer.onError(
                        Status.UNAVAILABLE
                            .withDescription("the issuer of the token does not answer")
                            .asException());
                  }
                })
            .build()
            .start();
    try {
      assertThat(refused(3, "status", "--server", "unix:" + socket))
          .contains("cannot answer now: the issuer of the token does not answer")
          .doesNotContain("no server");
    } finally {
      busy.shutdownNow();
      var _ = loop.shutdownGracefully();
    }
  }

  @Test
  void tail_once_orOfNoServer_endsWithItsExitCode() throws Exception {
    enforce();
    shop.check(flow(database(), CURL));
    var first = shop;
    var ended = new CompletableFuture<Integer>();
    Thread.ofVirtual().start(() -> ended.complete(first.kith("tail", "--once", "--denied")));
    Await.until("the first is shown", () -> first.out.toString().contains("/usr/bin/curl"));

    first.close();

    assertThat(ended.get()).isEqualTo(3);
    assertThat(first.err.toString()).startsWith("kith: ").doesNotContain("trying again");
    assertThat(refused(3, "tail")).contains("no server at").doesNotContain("trying again");
    shop = new ServedShop(folder);
  }

  /**
   * The next one is opened with what the token's file, or the Workload API, has by then. It showed
   * every edge again, and said that the server had stopped.
   */
  @Test
  void tail_whoseTokenIsOver_isOpenedAgain_andShowsNothingTwice() throws Exception {
    try (var _ = served(new Expiring(1, false))) {
      assertThat(done("tail", "--limit", "2", "--once").lines())
          .satisfiesExactly(
              before -> assertThat(before).contains("d:1", "/usr/bin/curl"),
              after -> assertThat(after).contains("d:3", "/app/payments"));
      assertThat(shop.err.toString()).isEmpty();
    }
    try (var _ = served(new Expiring(1, false))) {
      assertThat(done("tail", "--last", "0", "--limit", "1"))
          .as("what was decided before is not asked for by the next, either")
          .contains("d:2");
    }
    shop = new ServedShop(folder);
  }

  @Test
  void tail_whoseTokenIsOver_andThereIsNoOther_isRefused() throws Exception {
    try (var _ = served(new Expiring(Integer.MAX_VALUE, false))) {
      assertThat(refused(1, "tail", "--once")).isEqualTo("kith: it has expired\n");
    }
    try (var _ = served(new Expiring(1, true))) {
      assertThat(refused(1, "tail", "--once")).isEqualTo("kith: who are you?\n");
    }
    shop = new ServedShop(folder);
  }

  /** In place of the shop's own server. */
  private AdminServer served(AdminServiceGrpc.AdminServiceImplBase admin) throws Exception {
    shop.close();
    return AdminServer.onUnixSocket(
        folder.resolve("admin.sock"), Map.of(), new CallLimits(AdminLimits.DEFAULT), admin);
  }

  @Test
  void audit_whoseLaterPageIsRefused_printsWhatWasRead_andSaysWhereToGoOn() throws Exception {
    var busy =
        new AdminServiceGrpc.AdminServiceImplBase() {
          @Override
          public void listAudit(
              ListAuditRequest request, StreamObserver<ListAuditResponse> caller) {
            if (request.getBefore() != 0) {
              var never = new Metadata();
              never.put(
                  Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER),
                  "-1");
              caller.onError(
                  Status.RESOURCE_EXHAUSTED.withDescription("too often").asException(never));
              return;
            }
            caller.onNext(
                ListAuditResponse.newBuilder()
                    .addRecords(AuditRecord.newBuilder().setPosition(9).setNote("CHG-9"))
                    .addRecords(AuditRecord.newBuilder().setPosition(7).setNote("CHG-7"))
                    .build());
            caller.onCompleted();
          }
        };
    try (var _ = served(busy)) {
      assertThat(refused(1, "audit"))
          .isEqualTo(
              "kith: only the 2 latest were read: too often (the same with --before 7 goes on)\n");
      assertThat(shop.out.toString()).contains("CHG-9", "CHG-7");

      assertThat(refused(1, "audit", "--before", "7")).isEqualTo("kith: too often\n");
    }
    shop = new ServedShop(folder);
  }

  /** Ends the first streams because who follows is not recognized any more. */
  private static final class Expiring extends AdminServiceGrpc.AdminServiceImplBase {
    private final int ended;
    private final boolean stranger;
    private final AtomicInteger opened = new AtomicInteger();

    /**
     * @param ended so many streams
     * @param stranger whether other calls are refused then, too
     */
    Expiring(int ended, boolean stranger) {
      this.ended = ended;
      this.stranger = stranger;
    }

    @Override
    public void listAudit(ListAuditRequest request, StreamObserver<ListAuditResponse> caller) {
      if (stranger && opened.get() > 0) {
        caller.onError(Status.UNAUTHENTICATED.withDescription("who are you?").asException());
        return;
      }
      caller.onNext(ListAuditResponse.getDefaultInstance());
      caller.onCompleted();
    }

    @Override
    public void tailDecisions(
        TailDecisionsRequest request, StreamObserver<TailDecisionsResponse> caller) {
      if (opened.incrementAndGet() <= ended) {
        if (request.getLast() > 0) {
          caller.onNext(told("d:1", 1, "/usr/bin/curl"));
        }
        caller.onError(Status.UNAUTHENTICATED.withDescription("it has expired").asException());
        return;
      }
      if (request.getLast() > 10) {
        caller.onNext(told("d:0", 0, "/usr/bin/before"));
      }
      caller.onNext(told("d:2", 2, "/usr/bin/curl"));
      caller.onNext(told("d:3", 3, "/app/payments"));
    }

    private static TailDecisionsResponse told(String id, long second, String process) {
      return TailDecisionsResponse.newBuilder()
          .addDecisions(
              DecisionRecord.newBuilder()
                  .setId(id)
                  .setTime(Timestamp.newBuilder().setSeconds(second))
                  .setProcess(process))
          .build();
    }
  }

  @Test
  void reject_andRollback_sayWhatIsLeft() {
    enforce();
    shop.check(flow(elsewhere(), PAYMENTS));

    assertThat(refused(1, "rollback", OWNER, "--note", "broken")).contains("is the first");
    assertThat(refused(1, "reject", OWNER, "--note", "wrong")).startsWith("kith: ");
  }

  @Test
  void reject_aProposal_isRecorded() {
    shop.check(flow(database(), PAYMENTS));
    done("learn", "finish", OWNER, "--note", "suite passed");

    assertThat(done("reject", OWNER, "--note", "an incident ran")).startsWith("Rejected: bl:");

    assertThat(done("audit", OWNER)).contains("reject", "an incident ran", "propose");
  }

  @Test
  void explain_oldAndNew_namesNearestEdgeDifferenceAndCommand() {
    enforce();
    var denied = shop.check(flow(elsewhere(), PAYMENTS));
    for (var more = 0; more < 1_100; more++) { // beyond what one page of decisions has
      shop.check(flow(database(), CURL));
    }

    var text = done("explain", denied.decisionId());

    assertThat(text)
        .contains("deny (new_destination)", "nearest edge", "differs in")
        .contains("destination")
        .contains("kith allow " + OWNER + " " + denied.decisionId())
        .contains("kith ack " + OWNER + " " + denied.decisionId());
    assertThat(text.lines()).noneMatch(line -> line.length() > 160);
    assertThat(refused(1, "explain", "d:ffffffffffffffff")).contains("d:ffffffffffffffff");
  }

  @Test
  void ack_changesNoTrust() {
    enforce();
    var denied = shop.check(flow(database(), CURL));

    assertThat(done("ack", OWNER, denied.decisionId(), "--note", "ada's test"))
        .contains("Nothing is allowed or denied by it.");

    assertThat(done("explain", denied.decisionId())).contains("acknowledged", "ada's test");
    assertThat(shop.check(flow(database(), CURL)).decision().applied().word()).isEqualTo("deny");
  }

  @Test
  void deny_quarantine_andRemove_areListedAndTakenBack() {
    enforce();
    var edge = edgeIn(done("show", OWNER));

    assertThat(done("deny", OWNER, edge, "--ttl", "4h", "--note", "incident 42"))
        .startsWith("Denied: /app/payments")
        .contains("kith remove " + OWNER + " e:");
    assertThat(shop.check(flow(database(), PAYMENTS)).decision().applied().word())
        .isEqualTo("deny");
    var rule = edgeIn(done("rules", OWNER));
    assertThat(shop.out.toString()).contains("deny", "incident 42", "by hand");

    done("remove", OWNER, rule, "--note", "over");
    assertThat(shop.check(flow(database(), PAYMENTS)).decision().applied().word())
        .isEqualTo("allow");

    assertThat(done("quarantine", OWNER, edge, "--process", "--note", "miner"))
        .startsWith("Quarantined: /app/payments");
    assertThat(shop.check(flow(database(), PAYMENTS)).decision().applied().word())
        .isEqualTo("deny");
    assertThat(refused(2, "deny", OWNER, "x:1", "--note", "y"))
        .isEqualTo("kith: ID: 'x:1' (expected: e:… or d:…)\n");
  }

  @Test
  void deny_thatNeedsNoParser_isRecordedUnderTheNameThatTheCallerSays() {
    enforce();
    var edge = edgeIn(done("show", OWNER));

    done("deny", OWNER, edge, "--note", "incident 42");

    var latest =
        JsonParser.parseString(done("audit", OWNER, "-o", "json"))
            .getAsJsonObject()
            .getAsJsonArray("records")
            .get(0)
            .getAsJsonObject();
    assertThat(latest.get("kind").getAsString()).isEqualTo("deny");
    assertThat(latest.get("author").getAsString()).endsWith(" as ada");
  }

  @Test
  void allow_withoutEnd_isRemarkedUponByLint() {
    enforce();
    var denied = shop.check(flow(database(), CURL));
    done("allow", OWNER, denied.decisionId(), "--note", "CHG-1");

    assertThat(shop.kith("lint")).as(shop.err.toString()).isEqualTo(4);
    assertThat(shop.out.toString())
        .startsWith("by hand: " + OWNER + " e:")
        .contains(": endless", "allow /usr/bin/curl", "no end (", "1 finding.");
    assertThat(done("rules")).contains("allow", "CHG-1");
  }

  @Test
  void approve_anEdgeForReview_proposesIt() {
    enforce();
    shop.check(flow(database(), CURL));
    var edge = edgeIn(done("show", "--review", OWNER));

    assertThat(done("approve", OWNER, edge, "--note", "reviewed")).contains("bl:");

    assertThat(shop.kith("diff", OWNER)).as(shop.err.toString()).isEqualTo(4);
    assertThat(shop.out.toString()).contains("+ /usr/bin/curl");
    assertThat(refused(2, "approve", OWNER, "bl:1", edge, "--note", "both"))
        .contains("(expected: one revision, or edges)");
  }

  /** Who only followed the steps cut off the payment provider, and was told of it by denials. */
  @Test
  void whatWaitsForAPerson_isSaidByEachStepThatLeadsToEnforce_untilItIsApproved() {
    shop.check(flow(database(), PAYMENTS));
    shop.check(flow(elsewhere(), PAYMENTS));
    var waits = "1 edge waits for a person and is refused under enforce, unless a rule allows it: ";
    var review = waits + "kith show --review " + OWNER + "\n";

    assertThat(done("learn", "finish", OWNER, "--note", "suite passed")).endsWith(review);
    assertThat(done("approve", OWNER, "--note", "reviewed")).endsWith(review);
    assertThat(done("mode", OWNER, "shadow", "--note", "a look")).doesNotContain("waits");
    assertThat(done("mode", OWNER, "enforce", "--note", "reviewed"))
        .isEqualTo("Mode of " + OWNER + ": enforce (before: shadow)\n" + review);
    assertThat(done("mode", "*", "enforce", "--note", "all")).doesNotContain("waits");
    assertThat(shop.check(flow(elsewhere(), PAYMENTS)).decision().applied().word())
        .isEqualTo("deny");

    var edge = edgeIn(done("show", "--review", OWNER));
    assertThat(done("approve", OWNER, edge, "--note", "the provider")).doesNotContain("waits");
    assertThat(done("mode", OWNER, "enforce", "--note", "reviewed")).doesNotContain("waits");
    assertThat(shop.check(flow(elsewhere(), PAYMENTS)).decision().applied().word())
        .isEqualTo("allow");
  }

  @Test
  void propose_endsWithHowManyWaitForAPerson() {
    for (var hour = 0; hour < 8; hour++) {
      shop.check(flow(database(), PAYMENTS));
      shop.check(flow(elsewhere(), PAYMENTS));
      shop.pass(Duration.ofHours(1));
    }

    assertThat(done("propose", OWNER, "--note", "seen enough"))
        .endsWith(
            "1 edge waits for a person and is refused under enforce, unless a rule allows it: kith"
                + " show --review "
                + OWNER
                + "\n");
  }

  /** Who was told that the server failed believed that nothing was enforced. */
  @Test
  void whatWaitsForAPerson_whereItCannotBeCounted_isSaidNotToBe_andTheChangeIsDone() {
    shop.check(flow(database(), PAYMENTS));
    shop.check(flow(elsewhere(), PAYMENTS));
    var edge = edgeIn(done("show", "--review", OWNER));
    var uncounted =
        "It was not counted how many edges wait for a person and are refused under enforce: kith"
            + " show --review "
            + OWNER
            + "\n";
    shop.breakAfterChanges();

    assertThat(done("learn", "finish", OWNER, "--note", "suite passed")).endsWith(uncounted);
    assertThat(done("approve", OWNER, edge, "--note", "the provider")).endsWith(uncounted);
    assertThat(done("mode", OWNER, "enforce", "--note", "reviewed"))
        .isEqualTo("Mode of " + OWNER + ": enforce (before: observe)\n" + uncounted);
    assertThat(done("status")).contains("enforced");
  }

  @Test
  void mode_enforceOfANamespace_namesTheVerbThatListsWhatWaits() {
    shop.check(flow(database(), PAYMENTS));
    shop.check(flow(elsewhere(), PAYMENTS));
    shop.check(flow(database(), DROPPED));
    done("learn", "finish", OWNER, "--note", "suite passed");

    assertThat(done("mode", "shop/*", "enforce", "--note", "reviewed"))
        .endsWith(
            "2 edges wait for a person and are refused under enforce, unless a rule allows them:"
                + " kith coverage\n");
  }

  @Test
  void relearn_forgets_andProposeSaysWhatIsMissing() {
    shop.check(flow(database(), PAYMENTS));

    assertThat(refused(1, "propose", OWNER, "--note", "now"))
        .startsWith("kith: no edge of " + OWNER + " has enough support by now")
        .contains("/app/payments", "seen in 1 of 3 distinct hours");
    assertThat(done("relearn", OWNER, "--note", "again")).startsWith("Forgotten: ");

    assertThat(done("show", OWNER)).isEqualTo("Nothing was seen of " + OWNER + " yet.\n");
  }

  @Test
  void promote_aBundleOfAnUnknownKey_isRefusedByTheServer() throws Exception {
    enforce();
    Files.writeString(folder.resolve("checkout.yaml"), done("export", OWNER));
    done("keys", "new", "qa.pem");
    done(
        "bundle", "create", "checkout.yaml", "--env", "qa", "--key", "qa.pem", "--out", "b.bundle");

    assertThat(refused(1, "promote", "b.bundle", "--dry-run")).contains("unknown key");
    assertThat(refused(2, "promote", "b.bundle"))
        .isEqualTo("kith: --note: missing (expected: why; or --dry-run)\n");
  }

  @Test
  void learn_aSuiteThatPasses_endsWithASignedBundleOfWhatItDrove() throws Exception {
    done("keys", "new", "qa.pem");
    var driver =
        Thread.ofVirtual()
            .start(
                () -> {
                  Await.until("the suite runs", () -> Files.exists(folder.resolve("running")));
                  shop.check(flow(database(), PAYMENTS));
                  shop.check(flow(database(), DROPPED));
                  assertThat(folder.resolve("driven").toFile().mkdir()).isTrue();
                });

    var text =
        done(
            "learn",
            "--key",
            "qa.pem",
            "--out",
            "b.bundle",
            "--",
            "sh",
            "-c",
            "touch running; while [ ! -e driven ]; do sleep 0.02; done");
    driver.join();

    assertThat(text).contains("WORKLOAD", OWNER, "Written: b.bundle");
    assertThat(done("bundle", "verify", "b.bundle", "--trust", "qa.pem.pub"))
        .startsWith("Bundle of qa, good until ")
        .contains(OWNER);
    assertThat(done("audit", OWNER)).contains("after sh -c");
  }

  @Test
  void learn_aSuiteThatFails_proposesNothingAndPassesItsCodeOn() throws Exception {
    shop.check(flow(database(), PAYMENTS));
    done("keys", "new", "qa.pem");

    assertThat(
            refused(7, "learn", "--key", "qa.pem", "--out", "b.bundle", "--", "sh", "-c", "exit 7"))
        .isEqualTo(
            "kith: sh ended with 7: nothing is proposed (what was seen is kept for the next"
                + " run)\n");

    assertThat(folder.resolve("b.bundle")).doesNotExist();
    assertThat(done("status")).contains("learning");
  }

  @Test
  void learn_aSuiteThatDrivesNothing_isRefused() {
    shop.check(flow(database(), PAYMENTS));

    assertThat(refused(1, "learn", "--", "true"))
        .startsWith("kith: no workload showed traffic while the command ran");
    assertThat(refused(1, "learn", "--owner", OWNER, "--", "true"))
        .startsWith("kith: " + OWNER + " showed traffic")
        .isNotEmpty();
  }
}
