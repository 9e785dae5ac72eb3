package io.kith.load.lab;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.istio.StandaloneRecipe;
import io.kith.istio.StandaloneRecipe.Address;
import io.kith.istio.StandaloneRecipe.Dialled;
import io.kith.istio.StandaloneRecipe.Forward;
import io.kith.istio.StandaloneRecipe.TcpCheck;
import io.kith.load.tools.Command;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.FreePorts;
import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The rung without privileges: the real Envoy, dialled on loopback. */
class LoopbackLabTest {
  private LoopbackLab lab;
  private SwitchedAuthorization authorization;
  private Upstream stock;
  private Forward toStock;
  private EnvoyProxy proxy;

  @BeforeEach
  void open() throws Exception {
    lab = LoopbackLab.open();
    authorization = new SwitchedAuthorization(InetAddress.ofLiteral("127.0.0.1"));
    stock = lab.addHost("stock").http(18080);
    toStock = LoopbackLab.forward(stock);
    var recipe =
        new StandaloneRecipe(
            "node-1",
            "checkout",
            new Address("127.0.0.1", authorization.port()),
            "spiffe://dev.kith.local/ns/kith/sa/authz-server",
            null,
            new Dialled(List.of(toStock)),
            TcpCheck.FIRST_BYTE,
            List.of(18080),
            List.of(),
            false,
            Duration.ofSeconds(20),
            null,
            FreePorts.next());
    proxy = lab.startEnvoy(Envoy.find(System.out::println), recipe);
  }

  @AfterEach
  void close() {
    if (proxy != null) {
      proxy.close();
    }
    authorization.close();
    lab.close();
  }

  @Test
  void dialled_allowed_answersTheTokenAndNamesTheDestination() throws Exception {
    assertThat(curl()).isEqualTo(stock.token() + "\n");

    assertThat(authorization.asked().getLast().metadata("x-kith-cluster")).isEqualTo("stock");
  }

  @Test
  void dialled_denied_seesNoByte() throws Exception {
    authorization.allow(false);

    curl();

    assertThat(authorization.asked()).isNotEmpty();
    assertThat(stock.bytes()).isZero();
  }

  private String curl() throws IOException, InterruptedException {
    var url = "http://127.0.0.1:" + toStock.listenPort() + "/";
    return Command.run(Duration.ofMinutes(2), List.of("curl", "-s", "--max-time", "60", url))
        .output();
  }
}
