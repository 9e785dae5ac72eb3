package io.kith.load.lab;

import io.kith.load.ffm.NetworkNamespace;
import io.kith.load.tools.Command;
import io.kith.load.tools.Iptables;
import io.kith.load.tools.MissingToolException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * A private network on this machine: pods, hosts that they talk to, and this machine itself at
 * {@link #address}, all joined by one bridge that leads nowhere else. Everything disappears with
 * {@link #close}, with the process, or at the latest when the next lab opens.
 */
public final class Lab implements AutoCloseable {
  private static final Set<Lab> OPEN = ConcurrentHashMap.newKeySet();
  private static final AtomicInteger NUMBER = new AtomicInteger();

  static {
    Runtime.getRuntime().addShutdownHook(new Thread(() -> OPEN.forEach(Lab::close), "close-labs"));
  }

  private final String id;
  private final Path folder;
  private final Subnet subnet;
  private final Iptables iptables;
  private final Cgroups cgroups;
  private final Map<String, Host> hosts = new LinkedHashMap<>();
  private final List<Pod> pods = new ArrayList<>();
  private int nextPort = 10;

  private Lab(String id, Path folder, Subnet subnet, Iptables iptables, Cgroups cgroups) {
    this.id = id;
    this.folder = folder;
    this.subnet = subnet;
    this.iptables = iptables;
    this.cgroups = cgroups;
  }

  /** What keeps this machine or this user from opening a lab, in words; empty if nothing does. */
  public static List<String> missing() {
    return Privileges.missing();
  }

  /**
   * Opens an empty lab.
   *
   * @param prefix begins every name that the lab gives; lower-case letters, at most five
   * @param say takes one line of progress when something takes time
   * @throws MissingToolException if the machine or the user cannot have one
   */
  public static Lab open(String prefix, Consumer<String> say)
      throws IOException, InterruptedException {
    if (!prefix.matches("[a-z]{1,5}")) {
      throw new IllegalArgumentException(
          "prefix: '" + prefix + "' (expected: one to five letters a to z)");
    }
    var missing = missing();
    if (!missing.isEmpty()) {
      throw new MissingToolException(
          "Workloads with captured connections cannot be made here; missing: "
              + String.join("; ", missing));
    }
    Leftovers.removeOrphans();
    var iptables = Iptables.find(say);
    var id =
        prefix
            + "-"
            + Long.toString(ProcessHandle.current().pid(), 36)
            + Integer.toString(NUMBER.incrementAndGet(), 36);
    var lab = new Lab(id, Leftovers.claim(id), Subnet.free(), iptables, Cgroups.of(id));
    OPEN.add(lab);
    if (!lab.cgroupProblem().isEmpty()) {
      say.accept("pods get no cgroups of their own: " + lab.cgroupProblem());
    }
    try {
      lab.makeHub();
      return lab;
    } catch (IOException | InterruptedException | RuntimeException e) {
      lab.close();
      throw e;
    }
  }

  /** This lab's name, the first part of all names that it gave. */
  public String id() {
    return id;
  }

  /**
   * Why pods have no cgroups of their own, so that nothing can be attached to a pod alone, in
   * words; empty when they have.
   */
  public String cgroupProblem() {
    return cgroups.problem();
  }

  /**
   * A folder that lives as long as the lab, readable by every user: for sockets, logs and
   * configuration.
   */
  public Path folder() {
    return folder;
  }

  /**
   * Address of this machine as pods and hosts see it: where a server listens that they shall reach.
   */
  public InetAddress address() {
    return subnet.v4(Subnet.MACHINE);
  }

  /** Address of the pod or host that will be added after so many others. */
  public InetAddress v4After(int others) {
    return subnet.v4(nextPort + others);
  }

  /** A new host with addresses of its own, known by {@code name} in every pod. */
  public Host addHost(String name) throws IOException, InterruptedException {
    var endpoint = addEndpoint(name, namespace -> Shell.run("ip", "netns", "add", namespace));
    var host = new Host(name, endpoint.v4(), endpoint.v6(), endpoint.namespace());
    hosts.put(name, host);
    for (var pod : pods) {
      pod.writeHosts(hosts.values());
    }
    return host;
  }

  /**
   * A new pod: one container of {@code image}, whose outbound connections are redirected to port
   * 15001.
   */
  public Pod addPod(String name, Image image) throws IOException, InterruptedException {
    var pod = addPodWithoutCapture(name, image);
    capture(pod.namespace());
    return pod;
  }

  /** The same without redirection, for somebody else's rules. */
  public Pod addPodWithoutCapture(String name, Image image)
      throws IOException, InterruptedException {
    var endpoint = addEndpoint(name, namespace -> Shell.run("ip", "netns", "add", namespace));
    var own = Files.createDirectories(folder.resolve(name));
    var places = cgroups.addPod();
    var container = NamespaceContainer.start(name, endpoint.namespace(), image, own, places);
    return added(new Pod(name, endpoint, image, own, places, container));
  }

  /** A new pod around a container that runs in a network of its own without interfaces. */
  Pod addPod(String name, Image image, Container container)
      throws IOException, InterruptedException {
    var first = Long.toString(container.firstPid());
    var endpoint =
        addEndpoint(name, namespace -> Shell.run("ip", "netns", "attach", namespace, first));
    capture(endpoint.namespace());
    var own = Files.createDirectories(folder.resolve(name));
    return added(new Pod(name, endpoint, image, own, cgroups.addPod(), container));
  }

  /** A pod's network as a host: what it serves is served in the pod, behind the pod's sidecar. */
  public Host servingIn(Pod pod) {
    return new Host(pod.name(), pod.v4(), pod.v6(), pod.namespace());
  }

  /** Another container in a pod, which shares its network and nothing else. */
  public Pod addContainer(Pod pod, String name, Image image)
      throws IOException, InterruptedException {
    var own = Files.createDirectories(folder.resolve(pod.name() + "-" + name));
    var places = pod.cgroups().another();
    var container = NamespaceContainer.start(name, pod.namespace(), image, own, places);
    return added(new Pod(name, pod.endpoint(), image, own, places, container));
  }

  /** The same with a container that runs in the pod's network. */
  Pod addContainer(Pod pod, String name, Image image, Container container) throws IOException {
    var own = Files.createDirectories(folder.resolve(pod.name() + "-" + name));
    return added(new Pod(name, pod.endpoint(), image, own, pod.cgroups(), container));
  }

  /** The beginning of a command: what follows ends with the lab, also when the lab is killed. */
  List<String> endingWithIt(String name) throws IOException {
    return cgroups.aside(name);
  }

  private Pod added(Pod pod) {
    pods.add(pod);
    pod.writeHosts(hosts.values());
    return pod;
  }

  /**
   * Changes what is redirected in a pod, as whoever has CAP_NET_ADMIN there can.
   *
   * @param rules arguments of {@code iptables -t nat}
   */
  public void changeCapture(Pod pod, boolean ipv6, String rules)
      throws IOException, InterruptedException {
    change(pod.namespace(), ipv6 ? iptables.v6() : iptables.v4(), "nat", rules);
  }

  /**
   * Changes what leaves and enters a pod over IPv4, as a broken network would.
   *
   * @param rules arguments of {@code iptables -t filter}
   */
  public void changeFilter(Pod pod, String rules) throws IOException, InterruptedException {
    change(pod.namespace(), iptables.v4(), "filter", rules);
  }

  /** Ends all processes of the lab and removes all its traces. */
  @Override
  public void close() {
    if (!OPEN.remove(this)) {
      return;
    }
    pods.forEach(Pod::close);
    hosts.values().forEach(Host::close);
    boolean interrupted = Thread.interrupted();
    try {
      Leftovers.remove(id);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException _) {
      interrupted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  // ---- network

  /** A network namespace with one interface on the lab's bridge. */
  record Endpoint(InetAddress v4, InetAddress v6, NetworkNamespace namespace) {}

  /**
   * The bridge has a namespace of its own, so that no firewall of this machine sees its traffic. It
   * answers as the way to everywhere else, and knows no way.
   */
  private void makeHub() throws IOException, InterruptedException {
    var link = Leftovers.linkName(id);
    Shell.run("ip", "netns", "add", hub());
    Shell.run("ip", "link", "add", link, "type", "veth", "peer", "name", "machine", "netns", hub());
    Shell.ip(
        hub(),
        folder,
        """
        link set lo up
        link add name lab type bridge
        link set lab up
        addr add %s dev lab
        addr add %s dev lab nodad
        link set machine master lab up
        """
            .formatted(subnet.v4WithLength(Subnet.NOWHERE), subnet.v6WithLength(Subnet.NOWHERE)));
    Shell.run("ip", "addr", "add", subnet.v4WithLength(Subnet.MACHINE), "dev", link);
    Shell.run("ip", "addr", "add", subnet.v6WithLength(Subnet.MACHINE), "dev", link, "nodad");
    Shell.run("ip", "link", "set", link, "up");
  }

  /** Gives a network namespace its name. */
  @FunctionalInterface
  private interface Naming {
    void give(String namespace) throws IOException, InterruptedException;
  }

  private Endpoint addEndpoint(String name, Naming naming)
      throws IOException, InterruptedException {
    if (!name.matches("[a-z][a-z0-9-]{0,30}") || hosts.containsKey(name)) {
      throw new IllegalArgumentException(
          "name: '" + name + "' (expected: a new name of a to z, 0 to 9 and '-')");
    }
    int port = nextPort++;
    var namespace = id + "-" + name;
    naming.give(namespace);
    Shell.ip(
        hub(),
        folder,
        """
        link add p%d type veth peer name eth0 netns %s
        link set p%d master lab up
        """
            .formatted(port, namespace, port));
    Shell.ip(
        namespace,
        folder,
        """
        link set lo up
        addr add %s dev eth0
        addr add %s dev eth0 nodad
        link set eth0 up
        route add default via %s
        route add default via %s
        """
            .formatted(
                subnet.v4WithLength(port),
                subnet.v6WithLength(port),
                subnet.v4(Subnet.NOWHERE).getHostAddress(),
                subnet.v6(Subnet.NOWHERE).getHostAddress()));
    return new Endpoint(
        subnet.v4(port), subnet.v6(port), new NetworkNamespace(Path.of("/run/netns", namespace)));
  }

  private String hub() {
    return id + "-hub";
  }

  /**
   * Redirects what the workload sends, as Istio does: not Envoy's own connections and not loopback.
   */
  private void capture(NetworkNamespace namespace) throws IOException, InterruptedException {
    for (var rule :
        List.of(
            "-m owner --uid-owner " + EnvoyProxy.UID + " -j RETURN",
            "-m owner --gid-owner " + EnvoyProxy.UID + " -j RETURN",
            "-d LOOPBACK -j RETURN",
            "-j REDIRECT --to-ports 15001")) {
      addRule(namespace, iptables.v4(), rule.replace("LOOPBACK", "127.0.0.0/8"));
      addRule(namespace, iptables.v6(), rule.replace("LOOPBACK", "::1/128"));
    }
  }

  private static void addRule(NetworkNamespace namespace, Path program, String rule)
      throws IOException, InterruptedException {
    change(namespace, program, "nat", "-A OUTPUT -p tcp " + rule);
  }

  static void change(NetworkNamespace namespace, Path program, String table, String rules)
      throws IOException, InterruptedException {
    var argv =
        new ArrayList<>(List.of("nsenter", "--net=" + namespace.handle(), program.toString()));
    argv.addAll(List.of(("-t " + table + " " + rules).split(" ", -1)));
    var outcome = Command.run(Duration.ofMinutes(1), argv);
    if (!outcome.succeeded()) { // a kernel without nftables
      Command.run(Duration.ofMinutes(1), null, Map.of("KITH_XTABLES", "legacy"), argv).orFail();
    }
  }
}
