package io.kith.server.kubernetes.resource;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceBuilder;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceList;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ManagedFieldsEntry;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.MixedOperation;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.kith.baselines.yaml.Json;
import io.kith.istio.doctor.Admission;
import io.kith.server.kubernetes.resource.StatusWriter.Target;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** Kith's objects in an API server. Thread-safe. */
final class KubernetesApi implements StatusWriter.Api {
  static final String MANAGER = "kith";
  static final String MANAGED_BY = "app.kubernetes.io/managed-by";
  private static final int NOT_FOUND = 404;
  private static final int CONFLICT = 409;
  private static final PatchContext APPLY =
      new PatchContext.Builder()
          .withPatchType(PatchType.SERVER_SIDE_APPLY)
          .withFieldManager(MANAGER)
          .withForce(true)
          .build();

  private final KubernetesClient client;
  private final BooleanSupplier writes;

  /** Baselines that were there when they were last written. */
  private final Set<Target> made = ConcurrentHashMap.newKeySet();

  /**
   * @param writes whether this server, of several, may write now
   */
  KubernetesApi(KubernetesClient client, BooleanSupplier writes) {
    this.client = client;
    this.writes = writes;
  }

  /** Refuses to write what another server may be writing. */
  static void requireWrites(BooleanSupplier writes) {
    if (!writes.getAsBoolean()) {
      throw new KubernetesClientException("this server does not hold the Lease any more");
    }
  }

  MixedOperation<
          GenericKubernetesResource,
          GenericKubernetesResourceList,
          Resource<GenericKubernetesResource>>
      objects(Kind kind) {
    return client.genericKubernetesResources(
        new ResourceDefinitionContext.Builder()
            .withGroup(Kind.GROUP)
            .withVersion(Kind.VERSION)
            .withKind(kind.word())
            .withPlural(kind.plural())
            .withNamespaced(true)
            .build());
  }

  private Resource<GenericKubernetesResource> object(Target target) {
    return objects(target.kind()).inNamespace(target.namespace()).withName(target.name());
  }

  /** An object as it was read. */
  static ClusterObject read(Kind kind, GenericKubernetesResource object) {
    var metadata = object.getMetadata();
    return new ClusterObject(
        kind,
        metadata.getNamespace(),
        metadata.getName(),
        Objects.requireNonNullElse(metadata.getUid(), ""),
        Objects.requireNonNullElse(metadata.getCreationTimestamp(), ""),
        Objects.requireNonNullElse(metadata.getGeneration(), 0L),
        lastManager(metadata.getManagedFields()),
        map(object.getAdditionalProperties().get("spec")),
        map(object.getAdditionalProperties().get("status")));
  }

  @SuppressWarnings("unchecked")
  static Map<String, Object> map(@Nullable Object value) {
    return value instanceof Map<?, ?> map ? (Map<String, Object>) map : Map.of();
  }

  /** The client that changed the spec last, as it called itself. */
  private static String lastManager(@Nullable List<ManagedFieldsEntry> managers) {
    return managers == null
        ? "somebody"
        : managers.stream()
            .filter(one -> one.getSubresource() == null && one.getManager() != null)
            .max(
                Comparator.comparing(
                    one -> Objects.requireNonNullElse(one.getTime(), ""),
                    Comparator.naturalOrder()))
            .map(ManagedFieldsEntry::getManager)
            .orElse("somebody");
  }

  @Override
  public @Nullable String apply(Target target, Map<String, Object> status) {
    try {
      requireWrites(writes);
      if (target.kind() == Kind.BASELINE && !made.contains(target)) {
        make(target);
        requireWrites(writes);
      }
      object(target).subresource("status").patch(APPLY, json(target, status));
      return null;
    } catch (KubernetesClientException e) {
      made.remove(target);
      // An object or a namespace that is gone has no status; one that changed is looked at again.
      return e.getCode() == NOT_FOUND || e.getCode() == CONFLICT ? null : words(e);
    }
  }

  private void make(Target target) {
    var object =
        new GenericKubernetesResourceBuilder()
            .withApiVersion(Kind.GROUP + "/" + Kind.VERSION)
            .withKind(target.kind().word())
            .withNewMetadata()
            .withNamespace(target.namespace())
            .withName(target.name())
            .addToLabels(MANAGED_BY, MANAGER)
            .endMetadata()
            .build();
    objects(target.kind())
        .inNamespace(target.namespace())
        .resource(object)
        .fieldManager(MANAGER)
        .forceConflicts()
        .serverSideApply();
    made.add(target);
  }

  private static String json(Target target, Map<String, Object> status) {
    return Json.write(
        Map.of(
            "apiVersion",
            Kind.GROUP + "/" + Kind.VERSION,
            "kind",
            target.kind().word(),
            "metadata",
            Map.of("name", target.name(), "namespace", target.namespace()),
            "status",
            status));
  }

  /** The Baselines that a server made, with their statuses. */
  Map<Target, Map<String, Object>> baselines() {
    var found = new HashMap<Target, Map<String, Object>>();
    for (var one :
        objects(Kind.BASELINE).inAnyNamespace().withLabel(MANAGED_BY, MANAGER).list().getItems()) {
      var object = read(Kind.BASELINE, one);
      found.put(new Target(Kind.BASELINE, object.namespace(), object.name()), object.status());
    }
    made.clear();
    made.addAll(found.keySet());
    return found;
  }

  /** What admission is judged by: the chart's policies, all bindings, and all namespaces; JSON. */
  List<Map<String, Object>> admission() {
    var found = new ArrayList<Map<String, Object>>();
    client.namespaces().list().getItems().forEach(one -> found.add(json(one)));
    var admission = client.admissionRegistration().v1();
    admission
        .validatingAdmissionPolicyBindings()
        .list()
        .getItems()
        .forEach(one -> found.add(json(one)));
    for (var name : Admission.policies()) {
      var policy = admission.validatingAdmissionPolicies().withName(name).get();
      if (policy != null) {
        found.add(json(policy));
      }
    }
    return found;
  }

  @SuppressWarnings("unchecked")
  private Map<String, Object> json(HasMetadata object) {
    return client.getKubernetesSerialization().convertValue(object, Map.class);
  }

  void delete(Target target) {
    requireWrites(writes);
    object(target).delete();
    made.remove(target);
  }

  /** For people: what an API server said, or that none did. */
  static String words(Throwable failure) {
    var cause = failure;
    while (true) {
      if (cause instanceof KubernetesClientException e && e.getCode() > 0) {
        var status = e.getStatus();
        var said =
            status == null || status.getMessage() == null ? e.getMessage() : status.getMessage();
        return e.getCode() + " " + said;
      }
      if (cause.getCause() == null) {
        break;
      }
      cause = cause.getCause();
    }
    return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
  }
}
