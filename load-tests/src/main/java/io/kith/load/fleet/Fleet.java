package io.kith.load.fleet;

import io.kith.baselines.bundle.Pem;
import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/**
 * What the servers of a test share: workloads, the authority of their identities, and keys.
 *
 * <p>Each member {@code shop/deployment/w0} … has one pod; the destinations are ten workloads of
 * the same mesh and one address outside of it.
 */
public final class Fleet implements AutoCloseable {
  static final String TRUST_DOMAIN = "dev.kith.local";
  static final SpiffeId SERVER = id("kith", "authz-server");
  static final SpiffeId BRIDGE = id("kith", "identity-bridge");

  /** A check server. */
  static final SpiffeId CHECK = id("kith", "check-server");

  private static final int DESTINATIONS = 10;
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private final Path folder;
  private final List<Member> members = new ArrayList<>();
  private final List<Destination> destinations = new ArrayList<>();
  private final DevIdentity issuer;
  private final Map<SpiffeId, X509Source> sources = new ConcurrentHashMap<>();

  private Fleet(Path folder, int workloads) throws IOException {
    this.folder = folder;
    var ids = new HashSet<>(List.of(SERVER, BRIDGE, CHECK));
    for (var i = 0; i < workloads; i++) {
      var member = new Member("shop/deployment/w" + i, id("shop", "w" + i), "10.88.1." + (10 + i));
      members.add(member);
      ids.add(member.spiffeId());
    }
    for (var i = 0; i < DESTINATIONS; i++) {
      destinations.add(new Destination("10.88.2." + (10 + i), 5432, "shop/statefulset/d" + i));
    }
    makeKey("learner.pem");
    makeKey("approver.pem");
    issuer =
        DevIdentity.start(
            new DevIdentity.Settings(folder.resolve("id"), TRUST_DOMAIN, Duration.ofHours(1), ids),
            Clock.systemUTC());
  }

  private static SpiffeId id(String namespace, String name) {
    return SpiffeId.parse("spiffe://" + TRUST_DOMAIN + "/ns/" + namespace + "/sa/" + name);
  }

  /**
   * Makes one.
   *
   * @param folder short, since sockets are made below it
   * @param workloads how many members, 1 to 100
   */
  public static Fleet make(Path folder, int workloads) throws IOException {
    return new Fleet(folder, workloads);
  }

  private void makeKey(String name) throws IOException {
    try {
      var pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
      Files.writeString(folder.resolve(name), Pem.of(pair));
      Files.writeString(folder.resolve(name + ".pub"), Pem.of(pair.getPublic()));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has Ed25519", e);
    }
  }

  public Path folder() {
    return folder;
  }

  public List<Member> members() {
    return List.copyOf(members);
  }

  /** Workloads of the mesh that members may talk to. */
  public List<Destination> destinations() {
    return List.copyOf(destinations);
  }

  /** An address outside of the mesh: only an approver's signature allows it. */
  public Destination outside() {
    return new Destination("198.51.100.7", 443, "198.51.100.7");
  }

  /** Settings of the store in a file beside a server. */
  public static String sqlite(Path file) {
    return "{type: sqlite, path: \"" + file + "\", flushInterval: 100ms}";
  }

  /** Settings of the store in a database; the password goes into a file. */
  public String postgresql(String url, String user, String password) throws IOException {
    var secret = folder.resolve("password");
    Files.writeString(secret, password + "\n");
    return "{type: postgresql, url: \"%s\", user: %s, passwordFile: \"%s\", flushInterval: 100ms}"
        .formatted(url, user, secret);
  }

  /** Settings of the store of a check server that follows a control server of the fleet. */
  public static String following(int port, Path directory) {
    return following(List.of(port), "node-1", directory);
  }

  /**
   * Settings of the store of a check server that follows any one of the fleet's control servers.
   */
  public static String following(List<Integer> ports, String replica, Path directory) {
    return ("{type: control, servers: [%s], serverId: \"%s\", directory: \"%s\","
            + " replica: %s, flushInterval: 100ms}")
        .formatted(
            ports.stream()
                .map(port -> "\"127.0.0.1:" + port + "\"")
                .collect(Collectors.joining(", ")),
            SERVER,
            directory,
            replica);
  }

  /** The same of one that holds every workload. */
  public static String followingForAll(int port, Path directory) {
    return following(port, directory).replace("replica: node-1", "replica: central, holds: all");
  }

  /** Where the certificates of an identity are, as a pod's Envoy finds them. */
  public Path socketOf(SpiffeId id) {
    return issuer.socketOf(id);
  }

  /** The configuration of one server of the fleet that does everything. */
  String config(Path home, String store, List<Path> allowLists, String telemetry) {
    return config(Part.all(), home, store, allowLists, telemetry);
  }

  /** The configuration of one server of the fleet. */
  String config(Part part, Path home, String store, List<Path> allowLists, String telemetry) {
    var workloads = new StringBuilder();
    for (var member : members) {
      workloads.append(
          "- {owner: %s, spiffeId: \"%s\", addresses: [%s]}\n"
              .formatted(member.owner(), member.spiffeId(), member.address()));
    }
    for (var destination : destinations) {
      workloads.append(
          "- {owner: %s, addresses: [%s]}\n".formatted(destination.words(), destination.address()));
    }
    // the deadlines are long, since verdicts are looked at and not how soon they come
    return """
    server:
      role: %10$s
      spiffeId: %1$s
      %11$s
      checks: {listen: "%13$s"}
      bridges: {listen: "127.0.0.1:0"}
      admin:
        listen: "unix:%2$s/admin.sock"
        # All of a test comes from one caller.
        limits: {reads: {perSecond: 10000, burst: 10000}, changes: {perSecond: 10000, burst: 10000}}
      health: {listen: "127.0.0.1:0"}
      bridgeIds: ["%3$s"]
      deadline: 9s
      bridgeTimeout: 8s
      keys: %12$s
    identity:
      provider: dev
      dev: {directory: "%4$s/id", trustDomain: %5$s}
    workloads:
    %6$sscopes:
    - {scope: "*", mode: observe}
    allowLists: [%7$s]
    store: %8$s
    telemetry: %9$s
    """
        .formatted(
            part.id(),
            home,
            BRIDGE,
            folder,
            TRUST_DOMAIN,
            workloads,
            String.join(", ", allowLists.stream().map(path -> "\"" + path + "\"").toList()),
            store,
            telemetry,
            part.role(),
            part.settings(),
            part.isCheck()
                ? "{trusted: [\"%1$s/learner.pem.pub\"], approvers: [\"%1$s/approver.pem.pub\"]}"
                    .formatted(folder)
                : "{directory: \"%1$s\", learner: \"%2$s/learner.pem\", approver: \"%2$s/approver.pem\"}"
                    .formatted(home, folder),
            part.checks());
  }

  /** The certificates of an identity, as its pod has them. */
  X509Source source(SpiffeId id) {
    return sources.computeIfAbsent(
        id,
        _ -> {
          var source = WorkloadApiSource.start(issuer.socketOf(id), id, Clock.systemUTC());
          try {
            if (!source.awaitReady(PATIENCE)) {
              source.close();
              throw new IllegalStateException("no certificate for " + id);
            }
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            source.close();
            throw new IllegalStateException(e);
          }
          return source;
        });
  }

  @Override
  public void close() {
    sources.values().forEach(X509Source::close);
    issuer.close();
  }
}
