package io.kith.istio.doctor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/** What makes a sidecar that is not as Istio's injector makes it for everybody. */
final class OtherSidecar {
  /** An annotation that chooses the injector's templates. */
  static final String TEMPLATES = "inject.istio.io/templates";

  /** Annotations that do so whatever they say, but for templates that add to the sidecar. */
  static final Set<String> ANNOTATIONS =
      Set.of(
          TEMPLATES,
          "proxy.istio.io/overrides",
          "sidecar.istio.io/proxyImage",
          "sidecar.istio.io/bootstrapOverride",
          "sidecar.istio.io/discoveryAddress",
          "sidecar.istio.io/userVolume",
          "sidecar.istio.io/userVolumeMount");

  /** Istio's templates that add nothing to the sidecar: without redirection, or without sidecar. */
  static final Set<String> OTHER_TEMPLATES =
      Set.of(
          "gateway",
          "kube-gateway",
          "agentgateway",
          "waypoint",
          "agentgateway-waypoint",
          "grpc-agent",
          "grpc-simple");

  /** Of a template: the injector trims more than Java does. */
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]+");

  /** An annotation with settings of the proxy, as YAML. */
  static final String CONFIG = "proxy.istio.io/config";

  /** Settings that change nothing of what is asked. */
  static final Set<String> HARMLESS =
      Set.of(
          "holdApplicationUntilProxyStarts",
          "concurrency",
          "drainDuration",
          "terminationDrainDuration");

  /** What Istio mounts into its containers: the volume, and where. */
  static final Set<String> MOUNTS =
      Set.of(
          "workload-socket:/var/run/secrets/workload-spiffe-uds",
          "workload-socket:/run/secrets/workload-spiffe-uds",
          "credential-socket:/var/run/secrets/credential-uds",
          "workload-certs:/var/run/secrets/workload-spiffe-credentials",
          "gke-workload-certificate:/var/run/secrets/workload-spiffe-credentials",
          "istio-envoy:/etc/istio/proxy",
          "istio-data:/var/lib/istio/data",
          "istio-token:/var/run/secrets/tokens",
          "istio-podinfo:/etc/istio/pod",
          "istiod-ca-cert:/var/run/secrets/istio",
          "istio-ca-crl:/var/run/secrets/istio/crl");

  /** Tokens of the account that webhooks of a cloud mount into all containers. */
  static final Set<String> OF_CLOUDS =
      Set.of(
          "aws-iam-token:/var/run/secrets/eks.amazonaws.com/serviceaccount",
          "eks-pod-identity-token:/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
          "azure-identity-token:/var/run/secrets/azure/tokens");

  /** In place of names, where there is something else. */
  private static final String NOT_A_MAP = "what is no map of settings";

  private OtherSidecar() {}

  /**
   * What a pod has of it, in words.
   *
   * @param repository of Istio's own image, without tag or digest; empty where nobody tells
   */
  static List<String> of(MeshPod pod, String repository) {
    var found = new ArrayList<String>();
    var annotations = pod.object().tree().at("metadata", "annotations").entries();
    ANNOTATIONS.stream()
        .sorted()
        .filter(annotations::containsKey)
        .filter(one -> !one.equals(TEMPLATES) || !isAddition(pod.object().annotation(one)))
        .forEach(one -> found.add("annotation " + one));
    settings(pod.object().annotation(CONFIG)).stream()
        .filter(one -> !HARMLESS.contains(one))
        .forEach(one -> found.add("annotation " + CONFIG + " with " + one));
    for (var container : pod.containers()) {
      var image = repository(container.spec().at("image").text());
      if (container.isIstio() && !repository.isEmpty() && !image.equals(repository)) {
        found.add("container " + container.name() + " has the image " + image);
      }
      if (container.isIstio()) {
        container.spec().at("volumeMounts").stream()
            .filter(mount -> !isOfIstio(mount))
            .forEach(
                mount ->
                    found.add(
                        "container "
                            + container.name()
                            + " mounts "
                            + mount.at("name").text()
                            + " at "
                            + mount.at("mountPath").text()));
      }
    }
    return found;
  }

  /** Whether templates are the sidecar's and those of whoever runs Istio, as SPIRE's is. */
  private static boolean isAddition(String templates) {
    var names = Arrays.stream(templates.split(",", -1)).map(String::strip).toList();
    return names.contains("sidecar")
        && names.stream()
            .allMatch(name -> NAME.matcher(name).matches() && !OTHER_TEMPLATES.contains(name));
  }

  private static boolean isOfIstio(Tree mount) {
    return (isOfAccount(mount) || MOUNTS.contains(place(mount)))
        && !mount.at("subPath").present()
        && !mount.at("subPathExpr").present();
  }

  private static String place(Tree mount) {
    return mount.at("name").text() + ":" + mount.at("mountPath").text();
  }

  /** Whether a mount is of a token of the account, which all containers have. */
  static boolean isOfAccount(Tree mount) {
    return OF_CLOUDS.contains(place(mount))
        || (mount.at("name").text().startsWith("kube-api-access-")
            && mount.at("mountPath").is("/var/run/secrets/kubernetes.io/serviceaccount"));
  }

  /** Names of settings that are written as YAML, sorted. */
  static List<String> settings(String text) {
    try {
      var parsed = new Load(LoadSettings.builder().build()).loadFromString(text);
      return parsed == null || parsed instanceof Map
          ? new Tree(parsed).entries().keySet().stream().sorted().toList()
          : List.of(NOT_A_MAP);
    } catch (YamlEngineException _) {
      return List.of(NOT_A_MAP);
    }
  }

  /** An image without tag and digest. */
  static String repository(String image) {
    var digest = image.indexOf('@');
    var name = digest < 0 ? image : image.substring(0, digest);
    var tag = name.lastIndexOf(':');
    return tag > name.lastIndexOf('/') ? name.substring(0, tag) : name;
  }
}
