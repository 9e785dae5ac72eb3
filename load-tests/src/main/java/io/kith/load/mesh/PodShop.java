package io.kith.load.mesh;

import io.kith.istio.StandaloneRecipe;
import io.kith.istio.StandaloneRecipe.Redirected;
import io.kith.istio.StandaloneRecipe.TcpCheck;
import io.kith.load.lab.DatagramSink;
import io.kith.load.lab.EnvoyProxy;
import io.kith.load.lab.Host;
import io.kith.load.lab.Image;
import io.kith.load.lab.Lab;
import io.kith.load.lab.Pod;
import io.kith.load.lab.PodProcess;
import io.kith.load.lab.Upstream;
import io.kith.load.tools.Envoy;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A pod of a {@link Lab}: an image, captured connections, hosts with networks of their own. */
public final class PodShop implements Shop {
  /** Pods and hosts that it adds to its lab. */
  public static final int ENDPOINTS = 5;

  private static final int APP_UID = 1000;
  private static final Duration PROGRAM_LIMIT = Duration.ofMinutes(2);
  private static final String CERTIFICATE = "/tmp/payments.pem";

  private final Lab lab;
  private final Pod checkout;
  private final Upstreams upstreams;
  private final DatagramSink datagrams;
  private final Settings settings;

  /**
   * What differs from shop to shop.
   *
   * @param installed more files of the image, as text by path
   * @param guard entries of {@code server.guard}
   * @param bridge entries of {@code bridge}
   * @param addresses more addresses of the checkout workload, whose pods come later
   * @param pods makes the checkout pod
   */
  public record Settings(
      Map<String, String> installed,
      String guard,
      String bridge,
      List<String> addresses,
      PodMaker pods) {
    public Settings {
      installed = Map.copyOf(installed);
      addresses = List.copyOf(addresses);
    }

    /** Names are asked for at the lab's own address. */
    static Settings usual(Lab lab) {
      var guard = "resolvers: [\"%s:53\"]".formatted(lab.address().getHostAddress());
      return new Settings(Map.of(), guard, "pin: \"off\"", List.of(), lab::addPod);
    }

    /** The checkout workload gets another pod. */
    Settings alsoAt(InetAddress pod) {
      return new Settings(installed, guard, bridge, List.of(pod.getHostAddress()), pods);
    }
  }

  /** What a pod's container is made by. */
  @FunctionalInterface
  public interface PodMaker {
    Pod make(String name, Image image) throws IOException, InterruptedException;
  }

  /** Builds the shop in a lab, which it closes. */
  public PodShop(Lab lab, Settings settings, Consumer<String> say)
      throws IOException, InterruptedException {
    this.lab = lab;
    this.settings = settings;
    var installed = new LinkedHashMap<>(settings.installed());
    Programs.INSTALLED.forEach((path, name) -> installed.put(path, Programs.text(name)));
    checkout = settings.pods().make("checkout", Image.of(installed, say));
    upstreams =
        new Upstreams(
            lab.addHost("orders-db").database(5432),
            lab.addHost("catalog").http(8080),
            lab.addHost("payments").tls(443),
            lab.addHost("stranger").database(4444));
    datagrams = upstreams.stranger().host().datagrams(5353);
    checkout.write(CERTIFICATE, upstreams.payments().certificate());
    Programs.DROPPED.forEach((path, name) -> checkout.write(path, Programs.text(name)));
  }

  /** Opens a lab and builds the shop in it. */
  public static PodShop open(String prefix, Consumer<String> say)
      throws IOException, InterruptedException {
    var lab = Lab.open(prefix, say);
    try {
      return new PodShop(lab, Settings.usual(lab), say);
    } catch (IOException | InterruptedException | RuntimeException e) {
      lab.close();
      throw e;
    }
  }

  Lab lab() {
    return lab;
  }

  Pod checkout() {
    return checkout;
  }

  @Override
  public Path folder() {
    return lab.folder();
  }

  @Override
  public InetAddress address() {
    return lab.address();
  }

  @Override
  public Ports ports() {
    return new Ports(9191, 9192, 9194, 15_000);
  }

  @Override
  public Upstreams upstreams() {
    return upstreams;
  }

  @Override
  public String home() {
    return "pod";
  }

  @Override
  public String beside() {
    return "a checkout pod, as a sidecar does in Istio";
  }

  @Override
  public String bridgeSettings() {
    return settings.bridge() + ",";
  }

  @Override
  public List<String> workloads(String checkoutIs) {
    return List.of(
        "{%s, addresses: [\"%s\"], names: [checkout]}"
            .formatted(
                checkoutIs,
                Stream.concat(
                        Stream.of(checkout.v4().getHostAddress()), settings.addresses().stream())
                    .collect(Collectors.joining("\", \""))),
        workload("shop/statefulset/orders-db", upstreams.database().host()),
        workload("shop/deployment/catalog", upstreams.catalog().host()),
        workload("partners/external/payments", upstreams.payments().host()));
  }

  private static String workload(String owner, Host host) {
    return "{owner: %s, addresses: [\"%s\"], names: [%s]}"
        .formatted(owner, host.v4().getHostAddress(), host.name());
  }

  @Override
  public StandaloneRecipe.Capture capture() {
    return new Redirected();
  }

  @Override
  public TcpCheck strictest() {
    return TcpCheck.GATE;
  }

  @Override
  public EnvoyProxy startEnvoy(Envoy program, StandaloneRecipe recipe)
      throws IOException, InterruptedException {
    return EnvoyProxy.start(checkout, program, recipe);
  }

  @Override
  public List<List<String>> work() {
    return List.of(
        List.of("/app/checkout", "orders-db", "5432", "catalog:8080"),
        List.of("/app/settle", "https://payments/charge", CERTIFICATE));
  }

  @Override
  public List<Attack> attacks() {
    return Attack.ALL;
  }

  @Override
  public List<Bypass> bypasses() {
    return lab.cgroupProblem().isEmpty() ? Bypass.ALL : List.of();
  }

  @Override
  public String guardSettings() {
    return settings.guard();
  }

  /** Runs a bypass as its own user. */
  PodProcess.Outcome run(Bypass bypass) throws IOException, InterruptedException {
    return checkout.start(bypass.uid(), "", bypass.argv(places())).await(PROGRAM_LIMIT);
  }

  private Map<String, Attack.Place> places() {
    return Map.of(
        "CATALOG",
        place(upstreams.catalog()),
        "STRANGER",
        new Attack.Place(datagrams.host().v4().getHostAddress(), datagrams.port()));
  }

  /** Bytes that reached whom a bypass is aimed at. */
  long arrived(Bypass.Target target) {
    return switch (target) {
      case CATALOG -> upstreams.catalog().bytes();
      case STRANGER -> datagrams.bytes();
    };
  }

  DatagramSink datagrams() {
    return datagrams;
  }

  @Override
  public Attack.Place place(Upstream upstream) {
    return new Attack.Place(upstream.host().v4().getHostAddress(), upstream.port());
  }

  @Override
  public PodProcess.Outcome run(List<String> argv) throws IOException, InterruptedException {
    return checkout.start(APP_UID, "", argv).await(PROGRAM_LIMIT);
  }

  @Override
  public void close() {
    lab.close();
  }
}
