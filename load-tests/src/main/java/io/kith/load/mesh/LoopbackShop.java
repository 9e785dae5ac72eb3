package io.kith.load.mesh;

import io.kith.istio.StandaloneRecipe;
import io.kith.istio.StandaloneRecipe.Dialled;
import io.kith.istio.StandaloneRecipe.Forward;
import io.kith.istio.StandaloneRecipe.TcpCheck;
import io.kith.load.lab.EnvoyProxy;
import io.kith.load.lab.LoopbackLab;
import io.kith.load.lab.PodProcess;
import io.kith.load.lab.Upstream;
import io.kith.load.tools.Command;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.MissingToolException;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;

/** Plain processes of this user that dial Envoy on loopback: what remains without privileges. */
public final class LoopbackShop implements Shop {
  private static final Duration PROGRAM_LIMIT = Duration.ofMinutes(2);

  private final LoopbackLab lab;
  private final Ports ports;
  private final Upstreams upstreams;
  private final Map<Upstream, Forward> forwards = new HashMap<>();

  private LoopbackShop(LoopbackLab lab) throws IOException, InterruptedException {
    this.lab = lab;
    upstreams =
        new Upstreams(
            lab.addHost("orders-db").database(5432),
            lab.addHost("catalog").http(8080),
            lab.addHost("payments").tls(8443),
            lab.addHost("stranger").database(4444));
    for (var upstream :
        List.of(
            upstreams.database(),
            upstreams.catalog(),
            upstreams.payments(),
            upstreams.stranger())) {
      forwards.put(upstream, LoopbackLab.forward(upstream));
    }
    ports =
        new Ports(
            LoopbackLab.freePort(9191),
            LoopbackLab.freePort(9192),
            LoopbackLab.freePort(9194),
            LoopbackLab.freePort(15_000));
    Files.createDirectories(lab.folder().resolve("app/tools"));
    Files.createDirectories(lab.folder().resolve("tmp"));
    for (var programs : List.of(Programs.INSTALLED, Programs.DROPPED)) {
      for (var program : programs.entrySet()) {
        write(program.getKey(), Programs.text(program.getValue()));
      }
    }
    write("/tmp/payments.pem", upstreams.payments().certificate());
  }

  /** Builds the shop; needs no privilege. */
  public static LoopbackShop open() throws IOException, InterruptedException {
    for (var program : List.of("/usr/bin/perl", "/usr/bin/curl", "/bin/bash")) {
      if (!Files.isExecutable(Path.of(program))) {
        throw new MissingToolException(
            program + " is missing: the demo's workload is made of it (install it)");
      }
    }
    var lab = LoopbackLab.open();
    try {
      return new LoopbackShop(lab);
    } catch (IOException | InterruptedException | RuntimeException e) {
      lab.close();
      throw e;
    }
  }

  private void write(String absolute, String text) throws IOException {
    var file = Path.of(here(absolute));
    Files.writeString(file, text);
    if (text.startsWith("#!")) {
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
  }

  /** Paths that the pod has are below our folder; those of this machine's programs stay. */
  private String here(String text) {
    return text.replaceAll(
        "(?<![\\w/])/(app|tmp)/", Matcher.quoteReplacement(lab.folder().toString()) + "/$1/");
  }

  @Override
  public Path folder() {
    return lab.folder();
  }

  @Override
  public InetAddress address() {
    return LoopbackLab.ADDRESS;
  }

  @Override
  public Ports ports() {
    return ports;
  }

  @Override
  public Upstreams upstreams() {
    return upstreams;
  }

  @Override
  public String home() {
    return "workload";
  }

  @Override
  public String beside() {
    return "a checkout workload, whose programs dial it on loopback";
  }

  @Override
  public String bridgeSettings() {
    return "hostNetwork: true, minimumRung: C, pin: \"off\",";
  }

  @Override
  public List<String> workloads(String checkout) {
    return List.of("{%s, onHost: true}".formatted(checkout));
  }

  @Override
  public StandaloneRecipe.Capture capture() {
    return new Dialled(List.copyOf(forwards.values()));
  }

  @Override
  public TcpCheck strictest() {
    return TcpCheck.FIRST_BYTE;
  }

  @Override
  public EnvoyProxy startEnvoy(Envoy program, StandaloneRecipe recipe)
      throws IOException, InterruptedException {
    return lab.startEnvoy(program, recipe);
  }

  @Override
  public List<List<String>> work() {
    var database = place(upstreams.database());
    var catalog = place(upstreams.catalog());
    var payments = upstreams.payments().host().name() + ":" + upstreams.payments().port();
    return List.of(
        List.of(
            here("/app/checkout"),
            database.host(),
            Integer.toString(database.port()),
            catalog.toString()),
        List.of(
            here("/app/settle"),
            "https://" + payments + "/charge",
            here("/tmp/payments.pem"),
            payments + ":" + place(upstreams.payments())));
  }

  @Override
  public List<Attack> attacks() {
    return Attack.WITHOUT_CAPTURE;
  }

  @Override
  public List<Bypass> bypasses() {
    return List.of();
  }

  @Override
  public String guardSettings() {
    return "";
  }

  @Override
  public List<String> argv(Attack attack) {
    return Shop.super.argv(attack).stream().map(this::here).toList();
  }

  @Override
  public String process(Attack attack) {
    return here(attack.process());
  }

  @Override
  public Attack.Place place(Upstream upstream) {
    var forward = forwards.get(upstream);
    if (forward == null) {
      throw new IllegalStateException("no way to " + upstream.host().name());
    }
    return new Attack.Place(LoopbackLab.ADDRESS.getHostAddress(), forward.listenPort());
  }

  @Override
  public PodProcess.Outcome run(List<String> argv) throws IOException, InterruptedException {
    var outcome = Command.run(PROGRAM_LIMIT, argv);
    return new PodProcess.Outcome(outcome.exit(), outcome.output(), "");
  }

  @Override
  public void close() {
    lab.close();
  }
}
