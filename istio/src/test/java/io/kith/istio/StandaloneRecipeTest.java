package io.kith.istio;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.istio.StandaloneRecipe.Address;
import io.kith.istio.StandaloneRecipe.Capture;
import io.kith.istio.StandaloneRecipe.Dialled;
import io.kith.istio.StandaloneRecipe.Forward;
import io.kith.istio.StandaloneRecipe.Identity;
import io.kith.istio.StandaloneRecipe.Inbound;
import io.kith.istio.StandaloneRecipe.Redirected;
import io.kith.istio.StandaloneRecipe.TcpCheck;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StandaloneRecipeTest {
  private static final Goldens GOLDENS = new Goldens("standalone", "StandaloneRecipe");

  @Test
  void yaml_baseline_isTheFileInTheRepository() throws IOException {
    assertGolden("baseline.yaml", recipe(new Redirected(), TcpCheck.FIRST_BYTE));
  }

  @Test
  void yaml_gate_isTheFileInTheRepository() throws IOException {
    assertGolden("gate.yaml", recipe(new Redirected(), TcpCheck.GATE));
  }

  @Test
  void yaml_dialled_isTheFileInTheRepository() throws IOException {
    var forwards =
        List.of(
            new Forward("orders-db", 25432, new Address("10.88.1.10", 5432)),
            new Forward("stock", 28080, new Address("10.88.1.11", 8080)),
            new Forward("pay", 28443, new Address("10.88.1.12", 8443)));
    assertGolden("dialled.yaml", recipe(new Dialled(forwards), TcpCheck.FIRST_BYTE));
  }

  @Test
  void yaml_shortCut_isTheFileInTheRepository() throws IOException {
    assertGolden("short-cut.yaml", recipe(new Redirected(), TcpCheck.FIRST_BYTE).withShortCut());
  }

  @Test
  void yaml_inbound_isTheFileInTheRepository() throws IOException {
    assertGolden("inbound.yaml", withInbound());
  }

  private static StandaloneRecipe withInbound() {
    var forwards =
        List.of(
            new Forward(
                "stock",
                28080,
                new Address("10.88.1.11", 8080),
                "spiffe://dev.kith.local/ns/shop/sa/stock"));
    return recipe(new Dialled(forwards), TcpCheck.FIRST_BYTE)
        .with(new Inbound(new Address("0.0.0.0", 15006), new Address("127.0.0.1", 8080)));
  }

  @Test
  void with_inbound_keepsTheShortCut() {
    assertThat(withInbound().withShortCut().yaml()).contains("SkipFilter").contains("kith_inbound");
    assertThat(
            recipe(new Redirected(), TcpCheck.GATE)
                .withShortCut()
                .with(requireNonNull(withInbound().inbound()))
                .yaml())
        .contains("SkipFilter")
        .contains("kith_inbound");
  }

  @Test
  void new_inboundWithoutIdentity_isRefused() {
    assertThatThrownBy(
            () ->
                new StandaloneRecipe(
                    "n",
                    "w",
                    new Address("127.0.0.1", 1),
                    "spiffe://t/s",
                    null,
                    new Redirected(),
                    TcpCheck.GATE,
                    List.of(),
                    List.of(),
                    false,
                    StandaloneRecipe.TIMEOUT,
                    null,
                    15000,
                    false,
                    withInbound().inbound()))
        .hasMessage("identity: missing (expected: a certificate to show to other proxies)");
  }

  /** An application's own, before any filter; what came in, behind all of them. */
  @Test
  void yaml_always_keepsTheProvenanceHeaderBetweenProxies() {
    var yaml = withInbound().yaml();

    assertThat(yaml)
        .containsOnlyOnce("remove: x-kith-provenance")
        .containsOnlyOnce("request_headers_to_remove:\n");
  }

  @Test
  void yaml_withoutTheShortCut_asksForNothingToSpare() {
    var recipe = recipe(new Redirected(), TcpCheck.FIRST_BYTE);

    assertThat(recipe.yaml()).doesNotContain("x-kith-spare").doesNotContain("SkipFilter");
    assertThat(recipe.withShortCut().yaml()).contains("x-kith-spare").contains("SkipFilter");
  }

  @Test
  void yaml_nodeWithPercentSign_isNotReadAsAFormat() {
    var recipe = recipe("100%", new Redirected(), TcpCheck.FIRST_BYTE, Duration.ofMillis(500));

    assertThat(recipe.yaml()).contains("value: 100%%");
  }

  @Test
  void yaml_always_limitsOneTryByTheWholeTimeout() {
    var recipe = recipe("node-1", new Redirected(), TcpCheck.GATE, Duration.ofMillis(1500));

    assertThat(recipe.yaml()).contains("timeout: 1.5s").contains("max_interval: 1.5s");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          PT0S    | timeout: PT0S (expected: more than 0)
          PT-1S   | timeout: PT-1S (expected: more than 0)
          """)
  void new_timeoutThatEnvoyReadsAsFailAtOnce_isRefused(Duration timeout, String message) {
    assertThatThrownBy(() -> recipe("n", new Redirected(), TcpCheck.GATE, timeout))
        .hasMessage(message);
  }

  @Test
  void new_gateWithoutRedirect_isRefused() {
    assertThatThrownBy(() -> recipe(new Dialled(List.of()), TcpCheck.GATE))
        .hasMessageStartingWith("tcp: GATE (expected: FIRST_BYTE");
  }

  @Test
  void new_portOfTwoProtocols_isRefused() {
    assertThatThrownBy(
            () ->
                new StandaloneRecipe(
                    "n",
                    "w",
                    new Address("127.0.0.1", 1),
                    "spiffe://t/s",
                    null,
                    new Redirected(),
                    TcpCheck.GATE,
                    List.of(443),
                    List.of(443),
                    false,
                    StandaloneRecipe.TIMEOUT,
                    null,
                    15000))
        .hasMessage("tlsPorts: 443 is among httpPorts too (a port has one protocol)");
  }

  @ParameterizedTest
  @CsvSource({"0", "-1", "65536"})
  void new_portOutOfRange_isRefused(int port) {
    assertThatThrownBy(() -> new Address("127.0.0.1", port))
        .hasMessage("port: " + port + " (expected: 1 to 65535)");
  }

  private static StandaloneRecipe recipe(Capture capture, TcpCheck tcp) {
    return recipe("node-1", capture, tcp, StandaloneRecipe.TIMEOUT);
  }

  private static StandaloneRecipe recipe(
      String node, Capture capture, TcpCheck tcp, Duration timeout) {
    return new StandaloneRecipe(
        node,
        "checkout",
        new Address("10.88.1.1", 9191),
        "spiffe://dev.kith.local/ns/kith/sa/authz-server",
        new Identity(
            "/run/kith/dev-identity/ns/shop/sa/checkout/api.sock",
            "spiffe://dev.kith.local/ns/shop/sa/checkout",
            "ROOTCA"),
        capture,
        tcp,
        List.of(8080),
        List.of(8443),
        false,
        timeout,
        new Address("10.88.1.1", 4317),
        15000);
  }

  private static void assertGolden(String name, StandaloneRecipe recipe) throws IOException {
    GOLDENS.check(name, recipe.yaml());
  }
}
