package io.kith.server.admin;

import static io.kith.server.admin.AdminServerTest.LIMITS;
import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.NOON;
import static io.kith.server.control.Shop.answered;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.kith.admin.v1.BridgeStatus;
import io.kith.baselines.config.AdminRole;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.server.check.Await;
import io.kith.server.control.ControlState;
import io.kith.server.control.Shop;
import io.kith.server.http.JsonServer;
import io.kith.server.http.RawHttp;
import io.kith.server.net.SocketFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The admin API over HTTP on a real socket. */
@Timeout(600)
class AdminHttpTest {
  private static final String OWNER = CHECKOUT.owner().toString();
  private static final BridgeStatus BRIDGE =
      BridgeStatus.newBuilder().setNode("node-1").setRung("A").setPods(3).setCanaryOk(true).build();

  @TempDir Path folder;

  private final Shop.SettableClock clock = new Shop.SettableClock();
  private ControlState state;
  private AdminService service;
  private JsonServer server;
  private RawHttp http;
  private Path socket;

  @BeforeEach
  void start() throws Exception {
    socket = folder.resolve("http.sock");
    var config = KithConfig.parse("kith.yaml", "", Map.of());
    var directory =
        new StaticWorkloadDirectory(
            List.of(
                new StaticWorkloadDirectory.Entry(
                    CHECKOUT.owner(), Shop.CHECKOUT_ID, "prod", List.of(), List.of())));
    state = ControlState.of(config, directory, clock);
    service = new AdminService(state, () -> List.of(BRIDGE), "1.2.3", NOON);
    server = AdminHttp.onUnixSocket(socket, Map.of(), LIMITS, service);
    http = RawHttp.connect(socket);
  }

  @AfterEach
  void stop() throws Exception {
    http.close();
    server.close();
    state.close();
  }

  private static JsonObject json(RawHttp.Answer answer) {
    return JsonParser.parseString(answer.body()).getAsJsonObject();
  }

  private static int uid() throws IOException {
    return (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
  }

  private void check() {
    state.record(answered(state.snapshot(CHECKOUT), flow(database(), CURL), clock.instant()));
  }

  @Test
  void get_status_isTheMessageWithTheNamesOfTheProtocol() throws Exception {
    var answer = http.get("/v1/status");

    assertThat(answer.status()).isEqualTo(200);
    assertThat(answer.headers())
        .containsEntry("content-type", "application/json")
        .containsEntry("cache-control", "no-store");
    var status = json(answer);
    assertThat(status.get("server_version").getAsString()).isEqualTo("1.2.3");
    assertThat(status.get("started").getAsString()).isEqualTo(NOON.toString());
    assertThat(status.getAsJsonArray("bridges").get(0).getAsJsonObject().get("node").getAsString())
        .isEqualTo("node-1");
  }

  @Test
  void connection_isKept_forOneRequestAfterAnother() throws Exception {
    for (var i = 0; i < 3; i++) {
      assertThat(http.get("/v1/edges?owner=" + OWNER).status()).isEqualTo(200);
    }
  }

  @Test
  void connection_closeAsked_isClosedAfterTheAnswer() throws Exception {
    http.send("GET /v1/status HTTP/1.1\r\nHost: kith\r\nConnection: close\r\n\r\n");

    assertThat(http.answer().status()).isEqualTo(200);
    assertThat(http.isAtEnd()).isTrue();
  }

  @Test
  void post_change_isRecordedUnderWhoTheKernelSays() throws Exception {
    check();

    var finished =
        http.post("/v1/workloads/" + OWNER + ":finishTestRun", "{\"note\": \"suite passed\"}");
    var mode =
        http.post(
            "/v1/scopes:setMode",
            "{\"scope\": \"%s\", \"mode\": \"enforce\", \"note\": \"ready\"}".formatted(OWNER));
    var audit = json(http.get("/v1/audit?subject=" + OWNER));

    assertThat(json(finished).get("revision").getAsString()).startsWith("bl:");
    assertThat(json(mode).get("previous_mode").getAsString()).isEqualTo("observe");
    var last = audit.getAsJsonArray("records").get(0).getAsJsonObject();
    assertThat(last.get("kind").getAsString()).isEqualTo("mode");
    assertThat(last.get("author").getAsString()).isEqualTo("uid:" + uid() + " as ada");
    assertThat(last.get("note").getAsString()).isEqualTo("ready");
    var revision = json(finished).get("revision").getAsString();
    assertThat(
            json(http.get("/v1/workloads/" + OWNER + "/revisions/" + revision))
                .getAsJsonObject("revision")
                .get("state")
                .getAsString())
        .isEqualTo("enforced");
  }

  @Test
  void refusals_areRpcStatusWithTheMatchingHttpStatus() throws Exception {
    var invalid = http.get("/v1/edges?owner=shop");
    assertThat(invalid.status()).isEqualTo(400);
    assertThat(json(invalid).get("code").getAsInt()).isEqualTo(3);
    assertThat(json(invalid).get("message").getAsString()).startsWith("owner: 'shop' (expected:");

    var missing = http.get("/v1/decisions?id=d:00000000000000aa");
    assertThat(missing.status()).isEqualTo(404);
    assertThat(json(missing).get("code").getAsInt()).isEqualTo(5);

    var tooEarly =
        http.post(
            "/v1/scopes:setMode", "{\"scope\": \"*\", \"mode\": \"enforce\", \"note\": \"now\"}");
    assertThat(tooEarly.status()).isEqualTo(400);
    assertThat(json(tooEarly).get("code").getAsInt()).isEqualTo(9);

    var field = http.post("/v1/scopes:setMode", "{\"mood\": \"enforce\"}");
    assertThat(field.status()).isEqualTo(400);
    assertThat(json(field).get("message").getAsString())
        .isEqualTo("\"mood\": unknown field (expected: one of scope, mode, note, revision)");
  }

  @Test
  void requests_thatAreNoCalls_sayWhatThereIs() throws Exception {
    var path = http.get("/v2/status");
    assertThat(path.status()).isEqualTo(404);
    assertThat(json(path).get("message").getAsString()).contains("/openapi.json");

    var verb = http.post("/v1/status", "{}");
    assertThat(verb.status()).isEqualTo(405);
    assertThat(verb.headers()).containsEntry("allow", "GET");

    var type = http.request("POST", "/v1/scopes:setMode", "text/plain", "{\"scope\": \"*\"}");
    assertThat(type.status()).isEqualTo(415);
    assertThat(json(type).get("message").getAsString()).contains("application/json");
  }

  @Test
  void request_thatIsNotHttp_orTooLarge_isRefusedAndTheConnectionClosed() throws Exception {
    http.send("HELLO\r\n\r\n");
    assertThat(http.answer().status()).isEqualTo(400);
    assertThat(http.isAtEnd()).isTrue();

    try (var large = RawHttp.connect(socket)) {
      large.send(
          "POST /v1/bundles:import HTTP/1.1\r\nHost: kith\r\nContent-Length: 100000000\r\n\r\n");
      assertThat(large.answer().status()).isEqualTo(413);
    }
  }

  private static final String IMPORT = "POST /v1/bundles:import HTTP/1.1\r\nHost: kith\r\n";
  private static final String JSON = "Content-Type: application/json\r\n";

  /** Whoever reached the socket held all that there are, and the next was hung up on. */
  @Test
  void connections_onWhichNobodyIsRecognized_makeWayFromTheEldest() throws Exception {
    assertThat(http.get("/v1/status").status()).isEqualTo(200);
    var strangers = new ArrayList<RawHttp>();
    try {
      for (var i = 0; i < 300; i++) {
        strangers.add(RawHttp.connect(socket));
      }
      try (var ada = RawHttp.connect(socket)) {
        assertThat(ada.get("/v1/status").status()).isEqualTo(200);
      }

      assertThat(strangers.getFirst().isAtEnd()).isTrue();
      assertThat(strangers.getLast().get("/v1/status").status()).isEqualTo(200);
      assertThat(http.get("/v1/status").status()).isEqualTo(200);
    } finally {
      for (var stranger : strangers) {
        stranger.close();
      }
    }
  }

  /** One viewer held all that there are, and everybody else was hung up on, admins too. */
  @Test
  void connections_ofWhoIsRecognized_makeWayFromTheOneThatIsWaitedForLongest() throws Exception {
    check();
    var held = new ArrayList<RawHttp>();
    try (var follower = follow()) {
      for (var i = 0; i < 254; i++) { // with the two others all that there are
        var one = RawHttp.connect(socket);
        held.add(one);
        assertThat(one.get("/v1/status").status()).isEqualTo(200);
      }
      assertThat(http.get("/v1/status").status()).isEqualTo(200);
      assertThat(held.getFirst().get("/v1/status").status()).isEqualTo(200);

      try (var ada = RawHttp.connect(socket)) {
        assertThat(ada.get("/v1/status").status()).isEqualTo(200);
      }

      assertThat(held.get(1).isAtEnd()).isTrue();
      assertThat(held.get(0).get("/v1/status").status()).isEqualTo(200);
      assertThat(held.get(2).get("/v1/status").status()).isEqualTo(200);
      assertThat(http.get("/v1/status").status()).isEqualTo(200);
      assertThat(follower.chunk()).isNotEmpty();
    } finally {
      for (var one : held) {
        one.close();
      }
    }
  }

  /** Whoever reached the socket filled the memory of the server with them. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET /openapi.json HTTP/1.1\r\nHost: kith\r\n\r\n",
        "GET /v1/status HTTP/1.1\r\nHost: kith\r\nAuthorization: Bearer guess\r\n\r\n"
      })
  void answers_thatNobodyReads_areNotKept(String request) throws Exception {
    var requests = 1_000;
    try (var stranger = RawHttp.connect(socket)) {
      var answered =
          stranger.askWithoutReading(
              requests, request, () -> assertThat(http.get("/v1/status").status()).isEqualTo(200));

      assertThat(answered).isBetween(1, requests / 2);
    }
  }

  /** The next request of who has read the whole answer is never too early. */
  @Test
  void connection_isKept_forManyRequestsInARow() throws Exception {
    for (var i = 0; i < 2_000; i++) {
      assertThat(http.get("/openapi.json").status()).isEqualTo(200);
      assertThat(http.get("/v1/status").status()).isEqualTo(200);
    }
  }

  /** Up to 6 MiB of each were kept before it was looked at who calls. */
  @Test
  @Timeout(60)
  void body_ofAStranger_isRefusedBeforeItIsThere_andDropped() throws Exception {
    var stranger = IMPORT + JSON + "Authorization: Bearer guess\r\n";

    http.send(stranger + "Content-Length: 5000000\r\n\r\n");
    assertThat(http.answer().status()).isEqualTo(401);
    http.send("x".repeat(5_000_000));
    http.send(stranger + "Transfer-Encoding: chunked\r\n\r\n");
    assertThat(http.answer().status()).isEqualTo(401);
    for (var i = 0; i < 10; i++) { // more than whoever may would be let send
      http.send("f4240\r\n" + "x".repeat(1_000_000) + "\r\n");
    }
    http.send("0\r\n\r\n");
    assertThat(http.get("/v1/status").status()).isEqualTo(200);
    http.send("POST /v2/status HTTP/1.1\r\nHost: kith\r\nContent-Length: 2\r\n\r\n");
    assertThat(http.answer().status()).as("no call at all").isEqualTo(404);
    http.send("{}");

    http.send(stranger + "Expect: 100-continue\r\nContent-Length: 5000000\r\n\r\n");
    http.send("x".repeat(5_000_000)); // all the same, as who does not wait for it
    assertThat(http.answer().status()).isEqualTo(401);
    assertThat(http.isAtEnd()).isTrue();
  }

  @Test
  @Timeout(60)
  void body_ofWhoMay_isReadWhole_andTakenUpTo6MiB() throws Exception {
    var large = "{\"mood\": \"" + "x".repeat(5_000_000) + "\"}";
    assertThat(json(http.post("/v1/scopes:setMode", large)).get("message").getAsString())
        .startsWith("\"mood\": unknown field");

    http.send(IMPORT + JSON + "Transfer-Encoding: chunked\r\n\r\n");
    for (var i = 0; i < 7; i++) {
      http.send("f4240\r\n" + "x".repeat(1_000_000) + "\r\n");
    }
    http.send("0\r\n\r\n");
    assertThat(http.answer().status()).isEqualTo(413);
    assertThat(http.get("/v1/status").status()).isEqualTo(200);

    http.send(
        "POST /v1/scopes:setMode HTTP/1.1\r\nHost: kith\r\n"
            + JSON
            + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assertThat(http.head().status()).isEqualTo(100);
    http.send("{}");
    assertThat(http.answer().status()).isEqualTo(400);
    assertThat(http.isAtEnd()).isTrue();
  }

  @Test
  @Timeout(60)
  void body_thatIsNotHttp_isRefusedAndTheConnectionClosed() throws Exception {
    http.send(IMPORT + JSON + "Transfer-Encoding: chunked\r\n\r\nno length\r\n");

    assertThat(http.answer().status()).isEqualTo(400);
    assertThat(http.isAtEnd()).isTrue();
  }

  @Test
  void tail_linesOfJson_untilTheCallerHangsUp() throws Exception {
    check();
    http.send("GET /v1/decisions:tail?last=10&every=true HTTP/1.1\r\nHost: kith\r\n\r\n");

    var head = http.head();
    assertThat(head.status()).isEqualTo(200);
    assertThat(head.headers()).containsEntry("content-type", "application/x-ndjson");
    var first = http.chunk();
    assertThat(first).endsWith("}\n");
    assertThat(JsonParser.parseString(first).getAsJsonObject().getAsJsonArray("decisions"))
        .hasSize(1);

    check();
    assertThat(http.chunk()).contains("\"process\":\"/usr/bin/curl\"");
  }

  /** The head tells a client that waits for it that the call runs, though nothing happens yet. */
  @Test
  void tail_nothingToTell_hasAHeadAllTheSame() throws Exception {
    http.send("GET /v1/decisions:tail HTTP/1.1\r\nHost: kith\r\n\r\n");

    assertThat(http.head().status()).isEqualTo(200);
  }

  @Test
  void tail_badRequest_isAnOrdinaryRefusal() throws Exception {
    var refused = http.get("/v1/decisions:tail?last=1001");

    assertThat(refused.status()).isEqualTo(400);
    assertThat(json(refused).get("message").getAsString())
        .isEqualTo("last: 1001 (expected: 0 to 1000)");
  }

  /** A place is given back when the connection is gone: nobody else notices that a caller left. */
  @Test
  void tail_callersWhoHangUp_giveTheirPlacesBack() throws Exception {
    check();
    var open = new ArrayList<RawHttp>();
    for (var i = 0; i < 32; i++) {
      open.add(follow());
    }
    try (var more = RawHttp.connect(socket)) {
      assertThat(more.get("/v1/decisions:tail?last=1").status()).isEqualTo(429);
    }
    for (var one : open) {
      one.close();
    }
    Await.until(
        "a place is free",
        () -> {
          try (var again = RawHttp.connect(socket)) {
            again.send("GET /v1/decisions:tail?last=1 HTTP/1.1\r\nHost: kith\r\n\r\n");
            return again.head().status() == 200;
          } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
          }
        });
  }

  /** It outlived the token or the certificate with which it was opened. */
  @Test
  @Timeout(60)
  void tail_whenItsCallerIsNotRecognizedAnyMore_endsWithALineThatSaysWhy() throws Exception {
    check();
    var other = folder.resolve("tokens.sock");
    var over = new AdminServerTest.Expiring();
    try (var _ = served(other, over);
        var ada = RawHttp.connect(other)) {
      ada.send("GET /v1/decisions:tail?last=1 HTTP/1.1\r\nHost: kith\r\n\r\n");
      assertThat(ada.head().status()).isEqualTo(200);
      assertThat(ada.chunk()).contains("\"decisions\"");

      over.expire();

      var error = JsonParser.parseString(ada.chunk()).getAsJsonObject().getAsJsonObject("error");
      assertThat(error.get("code").getAsInt()).isEqualTo(16);
      assertThat(error.get("message").getAsString()).isEqualTo(AdminServerTest.Expiring.ENDED);
      assertThat(ada.chunk()).isEmpty();
    }
  }

  /** For callers who are recognized in another way than by the kernel. */
  private JsonServer served(Path at, Caller caller) throws IOException {
    return JsonServer.onUnixSocket(
        "key",
        at,
        SocketFile.Access.OWNER,
        _ ->
            new JsonServer.Services(
                List.of(AdminServer.guarded(service.bindService(), caller, LIMITS)),
                SocketPeer::of,
                Map.of()));
  }

  private RawHttp follow() throws IOException {
    var one = RawHttp.connect(socket);
    one.send("GET /v1/decisions:tail?last=1 HTTP/1.1\r\nHost: kith\r\n\r\n");
    assertThat(one.head().status()).isEqualTo(200);
    return one;
  }

  @Test
  void onUnixSocket_hasTheModeOfTheOtherSocket_andIsGoneAfterwards() throws Exception {
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
        .isEqualTo("rw-------");
    var open = folder.resolve("open.sock");
    try (var _ = AdminHttp.onUnixSocket(open, Map.of(4_711, AdminRole.OPERATOR), LIMITS, service)) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(open)))
          .isEqualTo("rw-rw-rw-");
    }

    server.close();

    try (var files = Files.list(folder)) {
      assertThat(files).isEmpty();
    }
  }

  @Test
  void onUnixSocket_servedByAnother_isRefused() throws Exception {
    assertThatThrownBy(() -> AdminHttp.onUnixSocket(socket, Map.of(), LIMITS, service))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("another server listens at unix:" + socket);
    assertThat(http.get("/v1/status").status()).isEqualTo(200);
  }

  @Test
  void close_whileACallerFollows_endsIt() throws Exception {
    check();
    try (var follower = follow()) {
      assertThat(follower.chunk()).isNotEmpty();

      server.close();

      assertThat(follower.isAtEnd()).isTrue();
    }
  }
}
