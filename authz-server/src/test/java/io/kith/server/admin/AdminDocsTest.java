package io.kith.server.admin;

import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.NOON;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.answered;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.flow;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import io.grpc.netty.shaded.io.netty.handler.ssl.ClientAuth;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.kith.baselines.config.AdminLimits;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.OidcSettings;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.server.check.CheckRecord;
import io.kith.server.control.ControlState;
import io.kith.server.control.Shop;
import io.kith.server.oidc.Issuer;
import io.kith.server.oidc.OidcTokens;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The lines of docs/admin-api.md with curl do what the page says, with the real curl. */
@Timeout(600)
class AdminDocsTest {
  private static final CallLimits LIMITS = new CallLimits(AdminLimits.DEFAULT);

  @TempDir Path folder;

  private final Shop.SettableClock clock = new Shop.SettableClock();
  private ControlState state;
  private AdminService service;

  @BeforeEach
  void start() throws Exception {
    var directory =
        new StaticWorkloadDirectory(
            List.of(
                new StaticWorkloadDirectory.Entry(
                    CHECKOUT.owner(), Shop.CHECKOUT_ID, "prod", List.of(), List.of())));
    state = ControlState.of(KithConfig.parse("kith.yaml", "", Map.of()), directory, clock);
    service = new AdminService(state, List::of, "1.2.3", NOON);
    check(flow(database(), PAYMENTS));
    state.flush();
    state.finishTestRun(CHECKOUT.owner(), "suite passed", "ada");
    state.setMode(new ScopeName.One(CHECKOUT.owner()), Mode.ENFORCE, "ready", "ada");
  }

  @AfterEach
  void stop() {
    state.close();
  }

  private CheckRecord check(Flow flow) {
    var answered = answered(state.snapshot(CHECKOUT), flow, clock.instant());
    state.record(answered);
    return answered;
  }

  /** The lines that begin with curl, with those that go on after a backslash. */
  private static List<String> lines() throws Exception {
    var page = Files.readString(Path.of("..", "docs", "admin-api.md")).replace("\\\n", " ");
    return page.lines().filter(line -> line.startsWith("curl ")).toList();
  }

  private static String run(String command, Map<String, String> environment) throws Exception {
    var builder =
        new ProcessBuilder("bash", "-o", "pipefail", "-c", command).redirectErrorStream(true);
    builder.environment().putAll(environment);
    var process = builder.start();
    process.getOutputStream().close();
    var said = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(command + "\n" + said).isZero();
    return said;
  }

  private static JsonObject json(String text) {
    return JsonParser.parseString(text).getAsJsonObject();
  }

  /** Quietly, and as a failure when the server refuses it. */
  private static String told(String line, String... changes) {
    var told = line.replaceFirst("^curl ", "curl -sS --fail-with-body ");
    for (var i = 0; i < changes.length; i += 2) {
      assertThat(told).contains(changes[i]);
      told = told.replace(changes[i], changes[i + 1]);
    }
    return told;
  }

  @Test
  void lines_onTheUnixSocket_doWhatThePageSays() throws Exception {
    var socket = folder.resolve("http.sock");
    var path = "/run/kith/admin-http.sock";
    var lines = lines().stream().filter(line -> line.contains(path)).toList();
    assertThat(lines).hasSize(4);
    try (var _ = AdminHttp.onUnixSocket(socket, Map.of(), LIMITS, service)) {
      var status = json(run(told(lines.get(0), path, socket.toString()), Map.of()));
      assertThat(status.get("server_version").getAsString()).isEqualTo("1.2.3");

      var denied = check(flow(database(), CURL));
      var edges = json(run(told(lines.get(1), path, socket.toString()), Map.of()));
      assertThat(edges.getAsJsonArray("edges").toString()).contains("/usr/bin/curl");

      var allowed =
          json(
              run(
                  told(
                      lines.get(2),
                      path,
                      socket.toString(),
                      "d:0123456789abcdef",
                      denied.decisionId()),
                  Map.of()));
      assertThat(allowed.getAsJsonObject("edge").get("process").getAsString())
          .startsWith("/usr/bin/curl");
      assertThat(state.audit(null, 0, 1).getFirst().change())
          .satisfies(
              change -> {
                assertThat(change.kind()).isEqualTo("allow");
                assertThat(change.note()).isEqualTo("CHG-1");
                assertThat(change.author()).endsWith(" as ada");
              });

      assertThat(
              firstLine(told(lines.get(3), path, socket.toString(), "| jq", "| jq --unbuffered")))
          .contains("\"verdict\":\"deny\"")
          .contains("\"process\":\"/tmp/payments\"");
    }
  }

  /** The first line of a command that goes on until it is ended; something is denied meanwhile. */
  private String firstLine(String command) throws Exception {
    var process = new ProcessBuilder("bash", "-c", command).start();
    try (var lines = process.inputReader(UTF_8)) {
      while (!lines.ready()) {
        assertThat(process.isAlive()).as(command).isTrue();
        check(flow(database(), Shop.DROPPED));
        assertThat(process.waitFor(100, TimeUnit.MILLISECONDS)).isFalse();
      }
      return lines.readLine();
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }

  @Test
  void line_withAToken_overTls_isAnswered() throws Exception {
    var lines = lines().stream().filter(line -> line.contains("$TOKEN")).toList();
    assertThat(lines).hasSize(1);
    var key = new RSAKeyGenerator(2_048, true).keyID("one").generate();
    var authority = certified();
    try (var issuer = new Issuer(key);
        var tokens =
            OidcTokens.of(
                new OidcSettings(
                    issuer.uri(),
                    "kith",
                    "groups",
                    List.of("staff"),
                    List.of("kith-operators"),
                    List.of("kith-admins"),
                    null),
                folder)) {
      var tls =
          SslContextBuilder.forServer(authority)
              .protocols("TLSv1.3")
              .clientAuth(ClientAuth.OPTIONAL)
              .build();
      var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
      var caller = new TlsCaller(_ -> null, tokens, Clock.systemUTC());
      try (var server = AdminHttp.onTcp(address, tls, caller, LIMITS, service)) {
        var token =
            Issuer.sign(issuer.claims().claim("groups", List.of("staff")), JWSAlgorithm.RS256, key);
        var line =
            told(
                lines.getFirst(),
                "ca.pem",
                folder.resolve("ca.pem").toString(),
                "curl ",
                "curl --connect-to kith.example.org:9195:127.0.0.1:%d ".formatted(server.port()));

        assertThat(json(run(line, Map.of("TOKEN", token))).get("server_version").getAsString())
            .isEqualTo("1.2.3");
      }
    }
  }

  /** A key with a certificate for the name of the page; the certificate is also {@code ca.pem}. */
  private KeyManagerFactory certified() throws Exception {
    var store = folder.resolve("own.p12");
    keytool(
        "-genkeypair -keyalg EC -alias own -dname CN=kith -ext san=dns:kith.example.org -keystore "
            + store);
    keytool(
        "-exportcert -rfc -alias own -keystore " + store + " -file " + folder.resolve("ca.pem"));
    var managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(
        KeyStore.getInstance(store.toFile(), "secret".toCharArray()), "secret".toCharArray());
    return managers;
  }

  private static void keytool(String words) throws Exception {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(List.of(words.split(" ", -1)));
    command.addAll(List.of("-storepass", "secret"));
    var process = new ProcessBuilder(command).redirectErrorStream(true).start();
    var said = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
  }
}
