package io.kith.server.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import io.kith.baselines.identity.SpiffeId;
import io.kith.server.oidc.Issuer;
import io.kith.server.verb.Surroundings;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(600)
class ServerCommandTest {
  private static final String OPERATOR = "spiffe://dev.kith.test/ns/shop/sa/checkout";

  @TempDir Path folder;

  private final List<Served> served = new ArrayList<>();
  private final Map<String, String> environment = new HashMap<>();

  /** A verb that runs in a thread of its own until it is interrupted. */
  private final class Served {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private final CountDownLatch settled = new CountDownLatch(1);
    private final CompletableFuture<Integer> exitCode = new CompletableFuture<>();
    private final Thread thread;

    Served(String... arguments) throws InterruptedException {
      served.add(this);
      var signalling =
          new PrintWriter(out, true) {
            @Override
            public void println(String line) {
              super.println(line);
              if (line.equals("ready")) {
                settled.countDown();
              }
            }
          };
      thread =
          Thread.ofPlatform()
              .start(
                  () -> {
                    exitCode.complete(
                        Kith.run(surroundings(signalling, new PrintWriter(err, true)), arguments));
                    settled.countDown();
                  });
      assertThat(settled.await(3, TimeUnit.MINUTES)).isTrue();
    }

    int stop() throws Exception {
      thread.interrupt();
      return exitCode.get(60, TimeUnit.SECONDS);
    }
  }

  @AfterEach
  void stop() throws Exception {
    for (var one : served.reversed()) {
      one.stop();
    }
  }

  private Surroundings surroundings(PrintWriter out, PrintWriter err) {
    return new Surroundings(Map.copyOf(environment), folder, "ada", out, err);
  }

  private void configure(String identity, String trustDomain, String admin, int checks)
      throws Exception {
    Files.writeString(
        folder.resolve("kith.yaml"),
        """
        server:
          spiffeId: spiffe://%2$s/ns/kith/sa/authz-server
          checks: {listen: "127.0.0.1:%4$d"}
          bridges: {listen: "127.0.0.1:0"}
          admin: {listen: "%3$s"}
          health: {listen: "127.0.0.1:0"}
          bridgeIds: ["spiffe://%2$s/ns/kith/sa/identity-bridge"]
          adminIds: ["spiffe://%2$s/ns/shop/sa/checkout"]
        identity: %1$s
        store: {type: memory}
        workloads:
        - {owner: shop/deployment/checkout, spiffeId: "spiffe://%2$s/ns/shop/sa/checkout"}
        - {owner: shop/deployment/other, spiffeId: "spiffe://%2$s/ns/shop/sa/other"}
        scopes:
        - {scope: "*", mode: enforce}
        """
            .formatted(identity, trustDomain, admin, checks));
  }

  private void configureDev(String admin, int checks) throws Exception {
    configure(
        "{provider: dev, dev: {directory: %s, trustDomain: dev.kith.test}}"
            .formatted(folder.resolve("id")),
        "dev.kith.test",
        admin,
        checks);
  }

  private String kith(int expectedCode, String... arguments) {
    var out = new StringWriter();
    var err = new StringWriter();
    var code =
        Kith.run(surroundings(new PrintWriter(out, true), new PrintWriter(err, true)), arguments);
    assertThat(code).as("%s%s", out, err).isEqualTo(expectedCode);
    return code == 0 ? out.toString() : err.toString();
  }

  @Test
  void server_withDevIdentity_servesUntilStopped() throws Exception {
    configureDev("unix:admin.sock", 0);
    var identity = new Served("dev-identity");
    assertThat(identity.out.toString())
        .startsWith("development identity: attests nobody")
        .contains("unix:" + folder.resolve("id/ns/shop/sa/checkout/api.sock"))
        .endsWith("ready\n");

    var server = new Served("server");

    assertThat(server.err.toString()).isEmpty();
    assertThat(server.out.toString())
        .startsWith("development identity: attests nobody")
        .contains(
            "  checks       127.0.0.1:",
            "  admin        unix:admin.sock",
            "  workload     shop/deployment/checkout: observe",
            "waits for: a baseline, as mode enforce is set",
            "  may ask      every SPIFFE ID under workloads",
            "  may attest   spiffe://dev.kith.test/ns/kith/sa/identity-bridge")
        .endsWith("ready\n");
    assertThat(kith(0, "status"))
        .contains("shop/deployment/checkout  observe", "No identity bridge is connected");
    assertThat(kith(1, "learn", "finish", "shop/deployment/checkout", "--note", "early"))
        .contains("showed nothing that may be learned");

    assertThat(server.stop()).isZero();
    assertThat(folder.resolve("admin.sock")).doesNotExist();
    assertThat(kith(3, "status")).contains("no server at unix:admin.sock");
  }

  @Test
  void server_adminOnTcp_knowsOperatorsByTheirSpiffeId() throws Exception {
    configureDev("127.0.0.1:0", 0);
    var _ = new Served("dev-identity");
    var server = new Served("server");
    var address = address(server, "admin");

    assertThat(kith(0, "status", "--server", address, "--identity", OPERATOR))
        .contains("shop/deployment/checkout");
    assertThat(
            kith(
                1,
                "status",
                "--server",
                address,
                "--identity",
                "spiffe://dev.kith.test/ns/shop/sa/other"))
        .isEqualTo(
            "kith: spiffe://dev.kith.test/ns/shop/sa/other has no role here (expected: one of"
                + " server.admin.roles or server.adminIds)\n");
  }

  private static String address(Served server, String what) {
    return server
        .out
        .toString()
        .lines()
        .filter(line -> line.matches("  " + what + " +\\S+"))
        .map(line -> line.substring(line.lastIndexOf(' ') + 1))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void server_adminOverHttp_knowsCallersByTheSameSpiffeIds() throws Exception {
    environment.put("KITH_SERVER_ADMIN_HTTP_LISTEN", "127.0.0.1:0");
    configureDev("unix:admin.sock", 0);
    var _ = new Served("dev-identity");
    var server = new Served("server");
    var status = URI.create("https://" + address(server, "admin HTTP") + "/v1/status");

    try (var operator = new SpiffeHttp(folder.resolve("id"), SpiffeId.parse(OPERATOR));
        var stranger =
            new SpiffeHttp(
                folder.resolve("id"), SpiffeId.parse("spiffe://dev.kith.test/ns/shop/sa/other"))) {
      assertThat(operator.get(status).statusCode()).isEqualTo(200);
      assertThat(operator.get(status).body()).contains("\"server_version\"");
      var refused = stranger.get(status);
      assertThat(refused.statusCode()).isEqualTo(403);
      assertThat(refused.body()).contains("ns/shop/sa/other has no role here");
    }
    assertThatThrownBy(
            () -> {
              try (var nobody = HttpClient.newHttpClient()) {
                nobody.send(HttpRequest.newBuilder(status).build(), BodyHandlers.ofString());
              }
            })
        .isInstanceOf(SSLException.class);
  }

  /** The next request of who has read the answer is never too early; who does not read is left. */
  @Test
  void server_adminOverHttp_answersOneRequestAfterAnother_ofThoseWhoRead() throws Exception {
    environment.put("KITH_SERVER_ADMIN_HTTP_LISTEN", "127.0.0.1:0");
    configureDev("unix:admin.sock", 0);
    var _ = new Served("dev-identity");
    var server = new Served("server");
    var uri = URI.create("https://" + address(server, "admin HTTP"));
    var requests = 1_000;

    try (var identity = new SpiffeHttp(folder.resolve("id"), SpiffeId.parse(OPERATOR));
        var reader = identity.connect(uri);
        var other = identity.connect(uri)) {
      for (var i = 0; i < requests; i++) {
        assertThat(reader.get("/openapi.json").status()).isEqualTo(200);
      }
      var answered =
          other.askWithoutReading(
              requests,
              "GET /openapi.json HTTP/1.1\r\nHost: kith\r\n\r\n",
              () -> assertThat(reader.get("/nothing").status()).isEqualTo(404));
      assertThat(answered).isLessThan(requests / 2); // none, where the close takes them back
      assertThat(reader.get("/v1/status").status()).isEqualTo(200);
    }
  }

  /** A person with a token and no certificate, over gRPC with the command line and over HTTP. */
  @Test
  void server_tokensOfAnIssuer_areTakenOverTls() throws Exception {
    var key = new RSAKeyGenerator(2_048).keyID("1").generate();
    try (var issuer = new Issuer(key)) {
      configureDev("127.0.0.1:0", 0);
      configureOidc(issuer);
      var _ = new Served("dev-identity");
      var server = new Served("server");
      var grpc = address(server, "admin");
      var status = URI.create("https://" + address(server, "admin HTTP") + "/v1/status");
      var operator = token(issuer, key, "ops");

      try (var http = new SpiffeHttp(folder.resolve("id"), SpiffeId.parse(OPERATOR), false);
          var stranger =
              new SpiffeHttp(
                  folder.resolve("id"),
                  SpiffeId.parse("spiffe://dev.kith.test/ns/shop/sa/other"))) {
        Files.writeString(folder.resolve("ca.pem"), http.authorities("dev.kith.test"));
        assertThat(http.get(status, "authorization", "Bearer " + operator).statusCode())
            .isEqualTo(200);
        var nobody = http.get(status);
        assertThat(nobody.statusCode()).isEqualTo(401);
        assertThat(nobody.headers().firstValue("www-authenticate")).hasValue("Bearer");
        assertThat(nobody.body()).contains("the peer has no certificate", "and there is no token");
        var forged = http.get(status, "authorization", "Bearer " + operator + "x");
        assertThat(forged.statusCode()).isEqualTo(401);
        assertThat(forged.body()).doesNotContain(operator.substring(0, 20));
        var noRole = http.get(status, "authorization", "Bearer " + token(issuer, key, "sales"));
        assertThat(noRole.statusCode()).isEqualTo(403);
        assertThat(noRole.body()).contains("oidc:4711 has no role here");
        assertThat(http.get(status, "authorization", "Basic YTpi").statusCode()).isEqualTo(401);
        var large = "{\"mood\": \"" + "x".repeat(5_000_000) + "\"}";
        var modes = status.resolve("/v1/scopes:setMode");
        assertThat(http.post(modes, large, operator + "x").statusCode()).isEqualTo(401);
        assertThat(http.post(modes, large, operator).body()).contains("unknown field");
        // a token decides alone: it gives what its certificate does not, and takes what it does
        assertThat(stranger.get(status).statusCode()).isEqualTo(403);
        assertThat(stranger.get(status, "authorization", "Bearer " + operator).statusCode())
            .isEqualTo(200);
      }
      cliWithTokens(grpc, operator, token(issuer, key, "staff"));
    }
  }

  private void cliWithTokens(String grpc, String operator, String viewer) throws Exception {
    var file = Files.writeString(folder.resolve("token"), operator + "\n");
    assertThat(kith(0, "status", "--server", grpc, "--token-file", "token", "--ca-file", "ca.pem"))
        .contains("shop/deployment/checkout");
    assertThat(kith(2, "status", "--server", grpc, "--token-file", "token"))
        .startsWith("kith: --ca-file: missing");
    Files.writeString(file, "two words");
    assertThat(kith(2, "status", "--server", grpc, "--token-file", "token", "--ca-file", "ca.pem"))
        .startsWith("kith: --token-file: not a token");

    environment.put("KITH_TOKEN", viewer);
    environment.put("KITH_CA_FILE", "ca.pem");
    assertThat(kith(0, "status", "--server", grpc)).contains("shop/deployment/checkout");
    assertThat(kith(1, "mode", "*", "observe", "--note", "x", "--server", grpc))
        .startsWith("kith: oidc:4711 as ada is viewer, and SetMode needs the role operator");
    environment.put("KITH_TOKEN", operator);
    assertThat(kith(0, "mode", "*", "shadow", "--note", "CHG-1", "--server", grpc)).isNotNull();
    assertThat(kith(0, "audit", "--server", grpc)).contains("oidc:4711 as ada", "CHG-1");
  }

  private static String token(Issuer issuer, RSAKey key, String group) throws Exception {
    return Issuer.sign(
        issuer.claims().claim("groups", List.of(group)).claim("email", "ada"),
        JWSAlgorithm.RS256,
        key);
  }

  private void configureOidc(Issuer issuer) throws Exception {
    var file = folder.resolve("kith.yaml");
    Files.writeString(
        file,
        Files.readString(file)
            .replace(
                "admin: {listen: \"127.0.0.1:0\"}",
                """
                admin:
                    listen: "127.0.0.1:0"
                    http: {listen: "127.0.0.1:0"}
                    oidc:
                      issuer: %s
                      audience: kith
                      roles: {viewer: [staff], operator: [ops]}\
                """
                    .formatted(issuer.uri())));
  }

  @Test
  void server_portInUse_saysSoAndLeavesNothingBehind() throws Exception {
    try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      configureDev("unix:admin.sock", taken.getLocalPort());
      var _ = new Served("dev-identity");

      assertThat(kith(1, "server"))
          .isEqualTo(
              "kith: server.checks.listen: 127.0.0.1:"
                  + taken.getLocalPort()
                  + " is in use (stop the other process or choose another port)\n");
    }
    assertThat(folder.resolve("admin.sock")).doesNotExist();
  }

  @Test
  void server_devTrustDomainWithoutDevProvider_isRefused() throws Exception {
    configure(
        "{provider: workload-api, workloadApi: {socket: \"unix:/run/spire.sock\"}}",
        "dev.kith.test",
        "unix:admin.sock",
        0);

    assertThat(kith(1, "server")).startsWith("kith: trust domain dev.kith.test is for development");
  }

  @Test
  void server_withoutIdentityOrConfiguration_saysWhatToDo() throws Exception {
    assertThat(kith(1, "server", "--config", "none.yaml")).contains("no such file");

    Files.writeString(folder.resolve("kith.yaml"), "");
    assertThat(kith(1, "server"))
        .isEqualTo(
            "kith: kith.yaml: server.spiffeId: missing (expected: the server's own SPIFFE ID)\n");
  }

  @Test
  void devIdentity_otherProvider_isRefused() throws Exception {
    configure(
        "{provider: workload-api, workloadApi: {socket: \"unix:/run/spire.sock\"}}",
        "prod.example",
        "unix:admin.sock",
        0);

    assertThat(kith(1, "dev-identity")).startsWith("kith: identity.provider is not dev");
  }

  @Test
  void devIdentity_strangeTrustDomain_isRefused() throws Exception {
    configure(
        "{provider: dev, dev: {directory: %s, trustDomain: prod.example}}"
            .formatted(folder.resolve("id")),
        "prod.example",
        "unix:admin.sock",
        0);

    assertThat(kith(1, "dev-identity"))
        .startsWith("kith: identity.dev: trust domain 'prod.example' (expected:");
  }
}
