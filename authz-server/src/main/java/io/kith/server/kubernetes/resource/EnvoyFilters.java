package io.kith.server.kubernetes.resource;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceList;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.MixedOperation;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.kith.baselines.yaml.Json;
import io.kith.istio.MeshOverlay;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/** The EnvoyFilters of a cluster that servers keep, watched. Thread-safe. */
final class EnvoyFilters implements Overlays.Filters, AutoCloseable {
  private static final String MANAGER = "kith-overlays";

  /** Warns of the version, and there is no other. Held, or lost. */
  private static final Logger NOISE =
      Logger.getLogger("io.fabric8.kubernetes.client.dsl.internal.VersionUsageUtils");

  private static final ResourceDefinitionContext KIND =
      new ResourceDefinitionContext.Builder()
          .withGroup("networking.istio.io")
          .withVersion("v1alpha3")
          .withKind("EnvoyFilter")
          .withPlural("envoyfilters")
          .withNamespaced(true)
          .build();

  private final KubernetesClient client;
  private final BooleanSupplier writes;
  private final SharedIndexInformer<GenericKubernetesResource> informer;
  private volatile @Nullable String failure;

  /**
   * Begins to watch; the API server need not answer.
   *
   * @param writes whether this server, of several, may write now
   * @param changed called when one was changed, by anybody
   */
  EnvoyFilters(KubernetesClient client, BooleanSupplier writes, Runnable changed) {
    this.client = client;
    this.writes = writes;
    NOISE.setLevel(Level.SEVERE);
    this.informer =
        filters()
            .inAnyNamespace()
            .withLabel(KubernetesApi.MANAGED_BY, KubernetesApi.MANAGER)
            .runnableInformer(0)
            .exceptionHandler(
                (_, thrown) -> {
                  failure = KubernetesApi.words(thrown);
                  return true;
                });
    informer.addEventHandler(
        new ResourceEventHandler<>() {
          @Override
          public void onAdd(GenericKubernetesResource object) {
            changed.run();
          }

          @Override
          public void onUpdate(GenericKubernetesResource before, GenericKubernetesResource object) {
            changed.run();
          }

          @Override
          public void onDelete(GenericKubernetesResource object, boolean unknown) {
            changed.run();
          }
        });
    informer.start();
  }

  private MixedOperation<
          GenericKubernetesResource,
          GenericKubernetesResourceList,
          Resource<GenericKubernetesResource>>
      filters() {
    return client.genericKubernetesResources(KIND);
  }

  /** While the API server is away what it said last counts. */
  @Override
  public @Nullable String problem() {
    return informer.hasSynced()
        ? null
        : "EnvoyFilters are not read"
            + (failure == null ? " yet" : ": " + failure)
            + " (the server's account needs list, watch, create, update, patch and delete of"
            + " envoyfilters)";
  }

  @Override
  public Map<Overlays.Name, Overlays.Filter> there() {
    var there = new HashMap<Overlays.Name, Overlays.Filter>();
    for (var one : informer.getStore().list()) {
      var name = one.getMetadata().getName();
      if (MeshOverlay.Writer.SERVER.wrote(name)) {
        there.put(new Overlays.Name(one.getMetadata().getNamespace(), name), read(one));
      }
    }
    return there;
  }

  private static Overlays.Filter read(GenericKubernetesResource object) {
    return new Overlays.Filter(
        Objects.requireNonNullElse(object.getMetadata().getLabels(), Map.of()),
        KubernetesApi.map(object.getAdditionalProperties().get("spec")));
  }

  @Override
  public void put(Overlays.Name name, Overlays.Filter wanted, Map<String, Object> document) {
    KubernetesApi.requireWrites(writes);
    var object = Serialization.unmarshal(Json.write(document), GenericKubernetesResource.class);
    var one = filters().inNamespace(name.namespace()).resource(object);
    var now = one.fieldManager(MANAGER).forceConflicts().serverSideApply();
    if (!wanted.isSaidBy(read(now))) { // somebody else's fields stay when it is applied
      KubernetesApi.requireWrites(writes);
      object.getMetadata().setResourceVersion(now.getMetadata().getResourceVersion());
      var _ = one.update();
    }
  }

  @Override
  public void delete(Overlays.Name name) {
    KubernetesApi.requireWrites(writes);
    filters().inNamespace(name.namespace()).withName(name.name()).delete();
  }

  @Override
  public void close() {
    informer.stop();
  }
}
