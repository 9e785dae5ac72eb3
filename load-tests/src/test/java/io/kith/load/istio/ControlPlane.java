package io.kith.load.istio;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.ObjectReferenceBuilder;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPort;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointPortBuilder;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSliceBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.kith.baselines.bundle.Pem;
import io.kith.load.lab.Host;
import io.kith.load.lab.Lab;
import io.kith.load.tools.Command;
import io.kith.load.tools.Istio;
import io.kith.load.tools.RunningProcess;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A Kubernetes API server and an istiod on a host of a lab. There is no cluster behind them: no
 * scheduler, no controllers, no kubelets. Who wants endpoints makes them, and a pod runs when
 * {@link InjectedPod} says so.
 */
final class ControlPlane implements AutoCloseable {
  /** Where Istio is, and where an EnvoyFilter is for the whole mesh. */
  static final String ROOT_NAMESPACE = "istio-system";

  /** As sidecars know istiod. */
  static final String ISTIOD = "istiod.istio-system.svc";

  /** Whom tokens for istiod's certificate authority are for. */
  private static final String AUDIENCE = "istio-ca";

  private static final String KUBERNETES = "https://kubernetes.default.svc";
  private static final int API = 6443;
  private static final Duration LIMIT = Duration.ofMinutes(3);

  /** What only a cluster could run. */
  private static final Set<String> NOT_HERE = Set.of("Deployment", "HorizontalPodAutoscaler");

  /** What istioctl said already, by its command. */
  private static final Map<List<String>, String> MANIFESTS = new ConcurrentHashMap<>();

  private final Host host;
  private final Istio istio;
  private final Path folder;
  private final String token = UUID.randomUUID().toString();
  private final HttpClient http = HttpClient.newHttpClient();
  private @Nullable RunningProcess etcd;
  private @Nullable RunningProcess apiServer;
  private @Nullable RunningProcess istiod;
  private @Nullable KubernetesClient client;

  private ControlPlane(Host host, Istio istio, Path folder) {
    this.host = host;
    this.istio = istio;
    this.folder = folder;
  }

  /** Starts everything on a new host, and waits until istiod is ready for sidecars. */
  static ControlPlane start(Lab lab, Istio istio, Consumer<String> say)
      throws IOException, InterruptedException {
    var plane =
        new ControlPlane(
            lab.addHost("control-plane"),
            istio,
            Files.createDirectories(lab.folder().resolve("control-plane")));
    try {
      long begin = System.nanoTime();
      var manifest = CompletableFuture.supplyAsync(plane::manifest);
      plane.startEtcd();
      plane.startApiServer();
      long served = System.nanoTime();
      plane.install(manifest.join());
      long installed = System.nanoTime();
      plane.startIstiod();
      say.accept(
          "Kubernetes' API after %.1f s, Istio in it after %.1f s, istiod ready after %.1f s"
              .formatted(
                  (served - begin) / 1e9,
                  (installed - begin) / 1e9,
                  (System.nanoTime() - begin) / 1e9));
      return plane;
    } catch (IOException | InterruptedException | RuntimeException e) {
      plane.close();
      throw e;
    }
  }

  // ---- the programs

  private void startEtcd() throws InterruptedException {
    // Its data need not outlive a crash of the machine.
    etcd =
        host.start(
            "etcd",
            folder.resolve("etcd.log"),
            Map.of(),
            List.of(
                istio.etcd().toString(),
                "--data-dir",
                folder.resolve("etcd").toString(),
                "--unsafe-no-fsync"));
    etcd.awaitReady(LIMIT, this::etcdAnswers);
  }

  private boolean etcdAnswers() {
    // It listens on loopback of the host.
    try {
      return host.namespace()
          .call(
              () -> {
                try (var body = URI.create("http://127.0.0.1:2379/health").toURL().openStream()) {
                  return new String(body.readAllBytes(), UTF_8).contains("true");
                }
              });
    } catch (IOException _) {
      return false;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Starts the API server, again if it was killed or stopped, and waits until it is ready. */
  void startApiServer() throws IOException, InterruptedException {
    var certificates = Files.createDirectories(folder.resolve("certificates"));
    var keys = makeServiceAccountKeys();
    var tokens = folder.resolve("tokens.csv");
    Files.writeString(tokens, token + ",admin,admin,system:masters\n");
    var address = host.v4().getHostAddress();
    apiServer =
        host.start(
            "kube-apiserver",
            folder.resolve("kube-apiserver.log"),
            Map.of(),
            List.of(
                istio.apiServer().toString(),
                "--etcd-servers=http://127.0.0.1:2379",
                "--cert-dir=" + certificates,
                "--bind-address=" + address,
                "--advertise-address=" + address,
                "--secure-port=" + API,
                "--service-cluster-ip-range=10.96.0.0/16",
                "--service-account-issuer=" + KUBERNETES,
                "--service-account-key-file=" + keys,
                "--service-account-signing-key-file=" + keys,
                "--api-audiences=" + KUBERNETES + "," + AUDIENCE,
                "--authorization-mode=RBAC",
                "--token-auth-file=" + tokens,
                // No controller makes the accounts' tokens that it would mount.
                "--disable-admission-plugins=ServiceAccount",
                "--allow-privileged=true",
                // Webhooks are dialled at their endpoints: there is no kube-proxy.
                "--enable-aggregator-routing=true"));
    apiServer.awaitReady(
        LIMIT, () -> Files.exists(certificates.resolve("apiserver.crt")) && apiAnswers());
  }

  /** Kills the API server. */
  void killApiServer() {
    requireNonNull(apiServer, "started").kill();
  }

  /** Deletes an object while the API server is away, which is never told of it. */
  void deleteInEtcd(String key) throws IOException, InterruptedException {
    var body =
        "{\"key\":\"%s\"}".formatted(Base64.getEncoder().encodeToString(key.getBytes(UTF_8)));
    var answer =
        host.namespace()
            .call(
                () -> {
                  var post =
                      (HttpURLConnection)
                          URI.create("http://127.0.0.1:2379/v3/kv/deleterange")
                              .toURL()
                              .openConnection();
                  post.setDoOutput(true);
                  post.getOutputStream().write(body.getBytes(UTF_8));
                  try (var in = post.getInputStream()) {
                    return new String(in.readAllBytes(), UTF_8);
                  }
                });
    if (!answer.contains("\"deleted\":\"1\"")) {
      throw new IOException(key + " was not deleted: " + answer);
    }
  }

  /** Stops the API server; what it has stays in etcd. */
  void stopApiServer() {
    requireNonNull(apiServer, "started").close();
  }

  private Path makeServiceAccountKeys() throws IOException {
    if (Files.exists(folder.resolve("service-accounts.pem"))) {
      return folder.resolve("service-accounts.pem");
    }
    try {
      var generator = KeyPairGenerator.getInstance("RSA");
      generator.initialize(2048);
      var file = folder.resolve("service-accounts.pem");
      if (Files.exists(file)) {
        return file; // started again: tokens go on to count
      }
      return Files.writeString(file, Pem.of(generator.generateKeyPair()));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private boolean apiAnswers() {
    if (client == null) {
      client =
          new KubernetesClientBuilder()
              .withConfig(
                  new ConfigBuilder(Config.empty())
                      .withMasterUrl(apiUrl())
                      .withCaCertFile(apiCertificate().toString())
                      .withOauthToken(token)
                      .withRequestTimeout((int) LIMIT.toMillis())
                      .build())
              .build();
    }
    try {
      return "ok".equals(client.raw("/readyz"));
    } catch (RuntimeException _) {
      return false;
    }
  }

  private String apiUrl() {
    return "https://" + host.v4().getHostAddress() + ":" + API;
  }

  private Path apiCertificate() {
    return folder.resolve("certificates/apiserver.crt");
  }

  /** A file with which programs are admins of the API server. */
  Path kubeconfig() {
    return folder.resolve("kubeconfig");
  }

  /** Starts istiod, again if it was stopped, and waits until it is ready. */
  void startIstiod() throws IOException, InterruptedException {
    var kubeconfig = kubeconfig("kubeconfig", token);
    istiod =
        host.start(
            "istiod",
            folder.resolve("istiod.log"),
            Map.ofEntries(
                Map.entry("POD_NAME", "istiod-0"),
                Map.entry("POD_NAMESPACE", ROOT_NAMESPACE),
                Map.entry("SERVICE_ACCOUNT", "istiod"),
                Map.entry("PILOT_CERT_PROVIDER", "istiod"),
                Map.entry("CLUSTER_ID", "Kubernetes"),
                Map.entry("REVISION", "default"),
                // Filters that only Istio's own build of Envoy has.
                Map.entry("PILOT_ENABLE_METADATA_EXCHANGE", "false"),
                Map.entry("PILOT_ENABLE_ALPN_FILTER", "false"),
                // A chain that ends in neither a TCP proxy nor an HTTP manager.
                Map.entry("PILOT_ENABLE_REDIS_FILTER", "true"),
                // Less to start.
                Map.entry("PILOT_ENABLE_GATEWAY_API", "false"),
                Map.entry("PILOT_ENABLE_AMBIENT", "false"),
                Map.entry("PILOT_DEBOUNCE_AFTER", "10ms"),
                Map.entry("PILOT_DEBOUNCE_MAX", "100ms")),
            List.of(
                istio.istiod().toString(),
                "discovery",
                "--kubeconfig",
                kubeconfig.toString(),
                "--ctrlz_port",
                "0"));
    istiod.awaitReady(LIMIT, this::istiodAnswers);
  }

  /** A kubeconfig for an account that may do what it was given, good for an hour. */
  Path kubeconfigOf(String namespace, String account) throws IOException {
    return kubeconfig(
        "kubeconfig-" + namespace + "-" + account, token(namespace, account, KUBERNETES));
  }

  private Path kubeconfig(String name, String bearer) throws IOException {
    return Files.writeString(
        folder.resolve(name),
        """
        apiVersion: v1
        kind: Config
        clusters: [{name: c, cluster: {server: "%s", certificate-authority: "%s"}}]
        users: [{name: u, user: {token: "%s"}}]
        contexts: [{name: x, context: {cluster: c, user: u}}]
        current-context: x
        """
            .formatted(apiUrl(), apiCertificate(), bearer));
  }

  /** Stops istiod; sidecars go on with what they have. */
  void stopIstiod() {
    requireNonNull(istiod, "started").close();
  }

  private boolean istiodAnswers() {
    var uri = URI.create("http://" + host.v4().getHostAddress() + ":8080/ready");
    var request = HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(30)).build();
    try {
      return http.send(request, HttpResponse.BodyHandlers.discarding()).statusCode() == 200;
    } catch (IOException _) {
      return false;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  // ---- Istio's objects

  private String manifest() {
    // Without telemetry of its own, which is another filter that upstream Envoy has not.
    return MANIFESTS.computeIfAbsent(
        List.of(
            istio.istioctl().toString(),
            "manifest",
            "generate",
            "--set",
            "values.telemetry.enabled=false"),
        ControlPlane::output);
  }

  private static String output(List<String> argv) {
    try {
      return Command.run(LIMIT, argv).orFail().output();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private void install(String manifest) {
    namespace(ROOT_NAMESPACE, Map.of());
    for (var item : objects(manifest)) {
      if (!NOT_HERE.contains(item.getKind())) {
        client().resource(item).create();
      }
    }
    endpoints(
        ROOT_NAMESPACE,
        "istiod",
        host.v4(),
        null,
        Map.of(
            "grpc-xds",
            15010,
            "https-dns",
            15012,
            "https-webhook",
            15017,
            "http-monitoring",
            15014));
  }

  /** Changes the settings of the mesh, a text of YAML, which istiod watches. */
  void meshConfig(UnaryOperator<String> change) {
    client()
        .configMaps()
        .inNamespace(ROOT_NAMESPACE)
        .withName("istio")
        .edit(
            map ->
                new ConfigMapBuilder(map)
                    .addToData("mesh", change.apply(map.getData().get("mesh")))
                    .build());
  }

  /** Gives the injector a template, which istiod watches. */
  void template(String name, String pod) {
    var key = "config";
    var before = "\ntemplates:\n";
    client()
        .configMaps()
        .inNamespace(ROOT_NAMESPACE)
        .withName("istio-sidecar-injector")
        .edit(
            map ->
                new ConfigMapBuilder(map)
                    .addToData(
                        key,
                        requireNonNull(map.getData().get(key), key)
                            .replace(before, before + "  " + name + ": |\n" + pod.indent(4)))
                    .build());
  }

  private List<HasMetadata> objects(String yaml) {
    return client().load(new ByteArrayInputStream(yaml.getBytes(UTF_8))).items();
  }

  /** Objects as a person would apply them; those that are there already are changed. */
  void apply(String yaml) {
    for (var item : objects(yaml)) {
      client().resource(item).forceConflicts().serverSideApply();
    }
  }

  /** Deletes objects as a person would. */
  void delete(String yaml) {
    for (var item : objects(yaml)) {
      client().resource(item).delete();
    }
  }

  void namespace(String name, Map<String, String> labels) {
    client()
        .resource(
            new NamespaceBuilder()
                .withNewMetadata()
                .withName(name)
                .withLabels(labels)
                .endMetadata()
                .build())
        .create();
  }

  void account(String namespace, String name) {
    client()
        .resource(
            new ServiceAccountBuilder()
                .withNewMetadata()
                .withNamespace(namespace)
                .withName(name)
                .endMetadata()
                .build())
        .serverSideApply();
  }

  /**
   * One endpoint of a service, with all of its ports.
   *
   * @param pod whose address it is, or null
   * @param ports by their names in the service
   */
  void endpoints(
      String namespace,
      String service,
      InetAddress address,
      @Nullable String pod,
      Map<String, Integer> ports) {
    var all = new ArrayList<EndpointPort>();
    ports.forEach(
        (name, port) ->
            all.add(
                new EndpointPortBuilder()
                    .withName(name)
                    .withPort(port)
                    .withProtocol("TCP")
                    .build()));
    var ofPod =
        pod == null
            ? null
            : new ObjectReferenceBuilder()
                .withKind("Pod")
                .withNamespace(namespace)
                .withName(pod)
                .build();
    client()
        .resource(
            new EndpointSliceBuilder()
                .withNewMetadata()
                .withNamespace(namespace)
                .withName(service + "-1")
                .addToLabels("kubernetes.io/service-name", service)
                .endMetadata()
                .withAddressType("IPv4")
                .withPorts(all)
                .addNewEndpoint()
                .withAddresses(address.getHostAddress())
                .withTargetRef(ofPod)
                .withNewConditions()
                .withReady(true)
                .endConditions()
                .endEndpoint()
                .build())
        .create();
  }

  // ---- for sidecars

  KubernetesClient client() {
    return requireNonNull(client, "the API server was started");
  }

  Host host() {
    return host;
  }

  /** A token with which a workload proves to istiod who it is, good for an hour. */
  String token(String namespace, String account) {
    return token(namespace, account, AUDIENCE);
  }

  private String token(String namespace, String account, String audience) {
    var request =
        new TokenRequestBuilder()
            .withNewSpec()
            .withAudiences(audience)
            .withExpirationSeconds(3600L)
            .endSpec()
            .build();
    return client()
        .serviceAccounts()
        .inNamespace(namespace)
        .withName(account)
        .tokenRequest(request)
        .getStatus()
        .getToken();
  }

  /** The certificates by which istiod is known, which it puts into every namespace. */
  String rootCertificate(String namespace) {
    var map =
        client()
            .configMaps()
            .inNamespace(namespace)
            .withName("istio-ca-root-cert")
            .waitUntilCondition(
                one -> one != null && one.getData().containsKey("root-cert.pem"),
                LIMIT.toMillis(),
                TimeUnit.MILLISECONDS);
    return requireNonNull(requireNonNull(map).getData().get("root-cert.pem"));
  }

  /** What istiod wrote so far. */
  String log() {
    return requireNonNull(istiod, "started").log();
  }

  /** Its programs that run now. */
  List<RunningProcess> running() {
    return Stream.of(etcd, apiServer, istiod)
        .filter(Objects::nonNull)
        .filter(RunningProcess::alive)
        .toList();
  }

  /** Kills all of it: nothing is asked of it any more. */
  @Override
  public void close() {
    if (client != null) {
      client.close();
    }
    http.close();
    Stream.of(istiod, apiServer, etcd).filter(Objects::nonNull).forEach(RunningProcess::kill);
  }
}
