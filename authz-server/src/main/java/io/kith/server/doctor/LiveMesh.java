package io.kith.server.doctor;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.kith.istio.doctor.IstiodDump;
import io.kith.istio.doctor.Trimmed;
import io.kith.server.verb.Failure;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A mesh that runs: its API server, and each sidecar's administration through a forwarded port.
 * Reads only.
 */
final class LiveMesh implements MeshSource {
  private static final int ADMIN = 15_000;
  private static final int ISTIOD = 15_014;
  private static final int PAGE = 500;
  private static final int NOT_FOUND = 404;
  private static final int UNAUTHORIZED = 401;
  private static final int FORBIDDEN = 403;

  /** A person waits: what does not answer at once, or soon after, is told. */
  private static final int TRIES_AGAIN = 2;

  private static final Duration BETWEEN = Duration.ofSeconds(1);

  /**
   * What is asked for in each namespace.
   *
   * @param isNeeded else it may not be there, or be forbidden, and less is known then
   */
  private record Kind(String kind, String api, String plural, boolean isNeeded) {
    String path(String namespace) {
      return api + (namespace.isEmpty() ? "" : "/namespaces/" + namespace) + "/" + plural;
    }
  }

  private static final List<Kind> KINDS =
      List.of(
          new Kind("Pod", "/api/v1", "pods", true),
          new Kind("Service", "/api/v1", "services", true),
          new Kind("EnvoyFilter", "/apis/networking.istio.io/v1alpha3", "envoyfilters", true),
          new Kind("Sidecar", "/apis/networking.istio.io/v1", "sidecars", true),
          new Kind("ServiceEntry", "/apis/networking.istio.io/v1", "serviceentries", true),
          new Kind("Scope", "/apis/kith.io/v1", "scopes", false),
          new Kind("ReplicaSet", "/apis/apps/v1", "replicasets", false),
          new Kind("Job", "/apis/batch/v1", "jobs", false));

  /** Which belong to no namespace. */
  private static final List<Kind> ADMISSION =
      List.of(
          new Kind(
              "ValidatingAdmissionPolicy",
              "/apis/admissionregistration.k8s.io/v1",
              "validatingadmissionpolicies",
              false),
          new Kind(
              "ValidatingAdmissionPolicyBinding",
              "/apis/admissionregistration.k8s.io/v1",
              "validatingadmissionpolicybindings",
              false));

  private static final List<String> CONFIG_MAPS = List.of("istio", "istio-sidecar-injector");

  private final KubernetesClient client;
  private final String rootNamespace;
  private final String istiod;
  private final Set<String> namespaces;
  private final Map<String, URI> proxies;
  private final String kith;
  private final @Nullable Map<String, Object> status;
  private final @Nullable URI metrics;
  private final PodPorts ports;

  /**
   * A mesh.
   *
   * @param config says where the API server is, and who calls
   * @param istiod namespace of the istiods
   * @param namespaces whose pods are judged; empty: all
   * @param proxies administration of sidecars that need no forwarded port, by NAMESPACE/POD
   * @param kith namespace of Kith's servers
   * @param status of a server that was asked already, or null
   * @param metrics where to read them in place of Kith's servers, or null
   */
  LiveMesh(
      Config config,
      String rootNamespace,
      String istiod,
      Set<String> namespaces,
      Map<String, URI> proxies,
      String kith,
      @Nullable Map<String, Object> status,
      @Nullable URI metrics) {
    this.client =
        new KubernetesClientBuilder()
            .withConfig(new ConfigBuilder(config).withRequestRetryBackoffLimit(TRIES_AGAIN).build())
            .build();
    this.ports = new PodPorts(client);
    this.rootNamespace = rootNamespace;
    this.istiod = istiod;
    this.namespaces = Set.copyOf(namespaces);
    this.proxies = Map.copyOf(proxies);
    this.kith = kith;
    this.status = status;
    this.metrics = metrics;
  }

  // ---- objects

  @Override
  public Found find() throws Failure, InterruptedException {
    var now = Instant.now();
    var unread = new ArrayList<Unread>();
    var objects = new ArrayList<Map<String, Object>>();
    var where = new TreeSet<>(namespaces);
    if (where.isEmpty()) {
      where.add("");
    } else {
      where.add(rootNamespace);
    }
    for (var kind : KINDS) {
      for (var namespace : where) {
        list(kind, namespace, objects, unread);
      }
    }
    for (var kind : ADMISSION) {
      if (list(kind, "", objects, unread)) { // that there are none is told as well
        objects.add(Map.of("kind", kind.kind() + "List", "metadata", Map.of(), "items", List.of()));
      }
    }
    namespaces(objects, unread);
    for (var map : CONFIG_MAPS) {
      one(
          "ConfigMap",
          "/api/v1/namespaces/" + rootNamespace + "/configmaps/" + map,
          objects,
          unread);
    }
    return ofKith(objects, now, unread);
  }

  /** Kith's servers are asked for what nobody gave. */
  private Found ofKith(List<Map<String, Object>> objects, Instant now, List<Unread> unread)
      throws InterruptedException {
    var counts = metrics == null ? null : metrics(metrics, unread);
    if (status != null && metrics != null) {
      return new Found(objects, status, counts, now, unread, List.of());
    }
    var unasked = new ArrayList<String>();
    var servers = new LiveKith(client, ports, kith, unasked::add);
    return new Found(
        objects,
        status == null ? servers.status() : status,
        metrics == null ? servers.metrics() : counts,
        now,
        unread,
        unasked);
  }

  private void namespaces(List<Map<String, Object>> objects, List<Unread> unread) throws Failure {
    if (namespaces.isEmpty()) {
      list(new Kind("Namespace", "/api/v1", "namespaces", true), "", objects, unread);
    }
    for (var namespace : namespaces) {
      one("Namespace", "/api/v1/namespaces/" + namespace, objects, unread);
    }
  }

  /** All pages of a list, if they can be read; items are given the kind that lists leave out. */
  private boolean list(
      Kind kind, String namespace, List<Map<String, Object>> to, List<Unread> unread)
      throws Failure {
    var more = "";
    do {
      var path = kind.path(namespace) + "?limit=" + PAGE + more;
      Map<String, Object> page;
      try {
        page = get(path);
      } catch (KubernetesClientException e) {
        if (kind.isNeeded() || (e.getCode() != NOT_FOUND && e.getCode() != FORBIDDEN)) {
          unread(kind.plural(), namespace, e, unread);
        }
        return false;
      }
      if (page.get("items") instanceof List<?> items) {
        for (var item : items) {
          if (item instanceof Map<?, ?> map) {
            add(named(kind.kind(), map), to);
          }
        }
      }
      var next =
          page.get("metadata") instanceof Map<?, ?> metadata
                  && metadata.get("continue") instanceof String token
              ? token
              : "";
      more = next.isEmpty() ? "" : "&continue=" + URLEncoder.encode(next, StandardCharsets.UTF_8);
    } while (!more.isEmpty());
    return true;
  }

  /** What rules look at; the rest of a large cluster would not be held. */
  private static void add(Map<String, Object> object, List<Map<String, Object>> to) {
    var trimmed = Trimmed.object(object);
    if (trimmed != null) {
      to.add(trimmed);
    }
  }

  private static Map<String, Object> named(String kind, Map<?, ?> item) {
    var object = new LinkedHashMap<String, Object>();
    object.put("kind", kind);
    item.forEach((key, value) -> object.put(String.valueOf(key), value));
    return object;
  }

  private void one(String kind, String path, List<Map<String, Object>> to, List<Unread> unread)
      throws Failure {
    try {
      add(named(kind, get(path)), to);
    } catch (KubernetesClientException e) {
      unread(path.substring(path.lastIndexOf('/') + 1), "", e, unread);
    }
  }

  private Map<String, Object> get(String path) throws Failure {
    var text = client.raw(path, "GET", null);
    if (text == null) {
      throw new KubernetesClientException("not found", NOT_FOUND, null);
    }
    try {
      return Parsed.json(text);
    } catch (Failure e) {
      throw Failure.refused("what the API server answers at " + path + " " + e.getMessage());
    }
  }

  private void unread(
      String what, String namespace, KubernetesClientException e, List<Unread> unread)
      throws Failure {
    var isAnswered = e.getCode() > 0;
    if (!isAnswered || e.getCode() == UNAUTHORIZED) {
      throw Failure.unreachable(
          "the API server at "
              + client.getMasterUrl()
              + (!isAnswered ? " does not answer: " : " does not know who asks: ")
              + PodPorts.reason(e)
              + " (--kubeconfig, --context)");
    }
    unread.add(
        new Unread(
            what + (namespace.isEmpty() ? "" : " of " + namespace),
            e.getCode() == NOT_FOUND ? "the API server knows none" : PodPorts.reason(e),
            "kubectl auth can-i list "
                + what
                + (namespace.isEmpty() ? " -A" : " -n " + namespace)));
  }

  private @Nullable String metrics(URI uri, List<Unread> unread) throws InterruptedException {
    try {
      return ports.get(uri).body();
    } catch (IOException e) {
      unread.add(new Unread(uri.toString(), String.valueOf(e), "curl " + uri));
      return null;
    }
  }

  // ---- istiods

  @Override
  public List<IstiodDump> istiods(Consumer<String> unasked) throws InterruptedException {
    var dumps = new ArrayList<IstiodDump>();
    try {
      var all = client.pods().inNamespace(istiod).withLabel("app", "istiod").list().getItems();
      for (var pod : all) {
        var name = pod.getMetadata().getName();
        if (pod.getStatus() != null && "Running".equals(pod.getStatus().getPhase())) {
          try {
            dumps.add(istiod(name));
          } catch (Failure e) {
            unasked.accept("sidecars of istiod " + name + ": " + e.getMessage());
          }
        }
      }
    } catch (KubernetesClientException e) {
      unasked.accept("istiod: its pods in " + istiod + " cannot be listed: " + PodPorts.reason(e));
    }
    return dumps;
  }

  private IstiodDump istiod(String pod) throws Failure, InterruptedException {
    return ports.ask(istiod, pod, ISTIOD, address -> asked(address, pod));
  }

  /** What is on its way is no finding: it is looked at again. */
  private IstiodDump asked(URI address, String pod)
      throws Failure, IOException, InterruptedException {
    var version = ports.get(PodPorts.page(address, "/version")).body().strip();
    for (var times = 1; ; times++) {
      var dump =
          new IstiodDump(
              pod, version, Parsed.list(ports.get(PodPorts.page(address, "/debug/syncz")).body()));
      if (dump.isSynced() || times > TRIES_AGAIN) {
        return dump;
      }
      Thread.sleep(BETWEEN);
    }
  }

  // ---- sidecars

  @Override
  public Set<String> more() {
    return proxies.keySet();
  }

  @Override
  public Answers sidecar(String key) throws Failure, InterruptedException {
    var proxy = proxies.get(key);
    if (proxy != null) {
      return ask(proxy, key);
    }
    var slash = key.indexOf('/');
    return ports.ask(
        key.substring(0, slash), key.substring(slash + 1), ADMIN, address -> ask(address, key));
  }

  private Answers ask(URI admin, String key) throws Failure, InterruptedException {
    try {
      var asked = Instant.now();
      var config = ports.get(PodPorts.page(admin, "/config_dump?include_eds"));
      var stats =
          ports.get(
              PodPorts.page(
                  admin,
                  "/stats?filter=" + URLEncoder.encode(Trimmed.COUNTERS, StandardCharsets.UTF_8)));
      return new Answers(
          Parsed.json(config.body()), Parsed.counters(stats.body()), clock(config), asked);
    } catch (IOException e) {
      throw Failure.refused("its administration does not answer: " + PodPorts.words(e));
    } catch (Failure e) {
      throw Failure.refused("what the administration of " + key + " answers " + e.getMessage());
    }
  }

  private static @Nullable Instant clock(HttpResponse<String> answer) {
    try {
      return answer
          .headers()
          .firstValue("date")
          .map(date -> ZonedDateTime.parse(date, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant())
          .orElse(null);
    } catch (DateTimeParseException _) {
      return null;
    }
  }

  @Override
  public void close() {
    ports.close();
    client.close();
  }
}
