package io.kith.server.doctor;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.kith.istio.doctor.Trimmed;
import io.kith.server.verb.Failure;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Servers of Kith that run in a cluster, by the labels that the chart gives to their pods. What
 * cannot be asked is told to {@code unasked}, in words: less is known then.
 */
final class LiveKith {
  private static final String LABELS = "app.kubernetes.io/name=kith,kith.io/metrics=true";

  private static final String COMPONENT = "app.kubernetes.io/component";

  /** Which of them has the store, so that it knows the modes. */
  private static final Set<String> KEEPERS = Set.of("server", "control");

  private static final String CONTAINER = "kith";
  private static final int HEALTH = 9_194;
  private static final int AT_ONCE = 8;

  private final KubernetesClient client;
  private final PodPorts ports;
  private final String namespace;
  private final Consumer<String> unasked;
  private final List<Pod> servers;

  /** Looks for them in a namespace; nobody else's pods are asked, whatever their labels say. */
  LiveKith(KubernetesClient client, PodPorts ports, String namespace, Consumer<String> unasked) {
    this.client = client;
    this.ports = ports;
    this.namespace = namespace;
    this.unasked = unasked;
    servers = servers();
  }

  private List<Pod> servers() {
    List<Pod> all;
    try {
      all = client.pods().inNamespace(namespace).withLabelSelector(LABELS).list().getItems();
    } catch (KubernetesClientException e) {
      unasked.accept(
          "servers of Kith: pods in " + namespace + " cannot be listed: " + PodPorts.reason(e));
      return List.of();
    }
    if (all.isEmpty()) {
      unasked.accept(
          "servers of Kith: no pod in "
              + namespace
              + " has the labels "
              + LABELS.replace(",", ", ")
              + " (--kith NAME, or --metrics and --status)");
    }
    return all;
  }

  // ---- what their guards counted

  /** Of all of them; null where there are none that answer. */
  @Nullable String metrics() throws InterruptedException {
    var asked = new LinkedHashMap<String, Future<String>>();
    var counts = new ArrayList<String>();
    try (var threads = Executors.newFixedThreadPool(AT_ONCE, Thread.ofVirtual().factory())) {
      for (var server : servers) {
        var name = server.getMetadata().getName();
        asked.put(name, threads.submit(() -> metrics(name)));
      }
      for (var one : asked.entrySet()) {
        try {
          counts.add(one.getValue().get());
        } catch (ExecutionException e) {
          if (!(e.getCause() instanceof Failure failure)) {
            throw new IllegalStateException(e);
          }
          unasked.accept("guard counts of " + one.getKey() + ": " + failure.getMessage());
        }
      }
    }
    return counts.isEmpty() ? null : String.join("", counts);
  }

  private String metrics(String pod) throws Failure, InterruptedException {
    return ports.ask(
        namespace,
        pod,
        HEALTH,
        address -> Trimmed.counts(ports.get(PodPorts.page(address, "/metrics")).body()));
  }

  // ---- how Kith is

  /** What {@code kith status -o json} prints in the first that has the store; null where none. */
  @Nullable Map<String, Object> status() throws InterruptedException {
    for (var server : servers) {
      if (KEEPERS.contains(server.getMetadata().getLabels().getOrDefault(COMPONENT, ""))) {
        var name = server.getMetadata().getName();
        try {
          return Parsed.json(printed(name, "kith", "status", "-o", "json"));
        } catch (Failure e) {
          unasked.accept("status of Kith by " + name + ": " + e.getMessage());
        }
      }
    }
    return null;
  }

  private String printed(String pod, String... command) throws Failure, InterruptedException {
    var out = new ByteArrayOutputStream();
    var err = new ByteArrayOutputStream();
    try (var watch =
        client
            .pods()
            .inNamespace(namespace)
            .withName(pod)
            .inContainer(CONTAINER)
            .writingOutput(out)
            .writingError(err)
            .exec(command)) {
      Integer exit = watch.exitCode().get(PodPorts.LIMIT.toSeconds(), TimeUnit.SECONDS);
      if (exit == null || exit != 0) {
        throw Failure.refused(
            String.join(" ", command)
                + " ends with "
                + exit
                + ": "
                + err.toString(UTF_8).lines().findFirst().orElse(""));
      }
      return out.toString(UTF_8);
    } catch (KubernetesClientException e) {
      throw Failure.refused("nothing can be run in it: " + PodPorts.reason(e));
    } catch (ExecutionException e) {
      var cause = e.getCause();
      throw Failure.refused(
          "nothing can be run in it: " + PodPorts.words(cause == null ? e : cause));
    } catch (TimeoutException _) {
      throw Failure.refused("no answer within " + PodPorts.LIMIT.toSeconds() + " s");
    }
  }
}
