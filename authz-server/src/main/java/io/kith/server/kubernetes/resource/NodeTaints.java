package io.kith.server.kubernetes.resource;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.kith.server.check.NodeBridges;
import io.kith.server.kubernetes.SeenVersions;
import io.kith.server.kubernetes.resource.StartingNode.Step;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Takes the start-up taint off a node, and nothing else, once the node's bridge says that it finds
 * its own connections again and guards pods.
 *
 * <p>By state: every tainted node is looked at again until it is not, so that one that is tainted
 * anew waits for its bridge anew. {@link #look} is for one thread.
 */
final class NodeTaints implements AutoCloseable {
  /*
   * Of several control servers the one that holds the Lease writes. Check servers follow any one of
   * them, so that another may be the only one to hear of a node's bridge: it writes once the holder
   * had the time to and evidently does not know. The patch fails where somebody was faster.
   */

  private static final System.Logger LOG = System.getLogger(NodeTaints.class.getName());

  /** How long another server leaves a node to the one that holds the Lease. */
  static final Duration HOLDERS_TURN = Duration.ofSeconds(15);

  /** What was refused is tried again after so long. */
  private static final Duration PAUSE = Duration.ofSeconds(15);

  /** A node that starts is no problem for so long. */
  private static final Duration USUAL = Duration.ofMinutes(2);

  /** Names of nodes in a message. */
  private static final int NAMED = 5;

  private static final String RIGHTS =
      " (the server's account needs get, list, watch and patch of nodes)";
  private static final int FORBIDDEN = 403;
  private static final int NOT_FOUND = 404;

  private final Api api;
  private final String key;
  private final NodeBridges bridges;
  private final InstantSource clock;
  private final Map<String, StartingNode> starting = new ConcurrentHashMap<>();
  private final Map<String, Refused> refused = new ConcurrentHashMap<>();
  private final Map<String, Instant> ready = new HashMap<>();
  private final LongAdder lifted = new LongAdder();
  private final LongAdder failures = new LongAdder();

  /** The nodes of a cluster. */
  interface Api extends AutoCloseable {
    /** Why it is not known which nodes there are, in words, or null. */
    @Nullable String problem();

    /** Patches a node; throws what the API server says. */
    void patch(String node, String patch);

    @Override
    void close();
  }

  private record Refused(String why, Instant until) {}

  NodeTaints(Api api, String key, NodeBridges bridges, InstantSource clock) {
    this.api = api;
    this.key = key;
    this.bridges = bridges;
    this.clock = clock;
  }

  /**
   * Begins to watch the nodes of an API server, which need not answer.
   *
   * @param key of the taint
   */
  static NodeTaints watch(KubernetesClient client, String key, NodeBridges bridges) {
    var nodes = new Watched(client);
    var taints = new NodeTaints(nodes, key, bridges, InstantSource.system());
    nodes.start(taints);
    return taints;
  }

  private static final class Watched implements Api, ResourceEventHandler<Node> {
    private static final long PAGE = 500;

    private final KubernetesClient client;
    private @Nullable SharedIndexInformer<Node> informer;
    private @Nullable NodeTaints told;
    private volatile @Nullable String failure;
    private volatile boolean listed;

    private Watched(KubernetesClient client) {
      this.client = client;
    }

    private void start(NodeTaints taints) {
      told = taints;
      var nodes =
          client
              .nodes()
              .withLimit(PAGE)
              .runnableInformer(0)
              .removeNamespaceIndex()
              .itemStore(new SeenVersions<>(Node::new))
              .exceptionHandler(
                  (_, thrown) -> {
                    failure = KubernetesApi.words(thrown);
                    return true;
                  });
      informer = nodes;
      nodes.addEventHandler(this);
      var _ = nodes.start(); // what fails goes to the exception handler
    }

    @Override
    public void onAdd(Node node) {
      put(node);
    }

    @Override
    public void onUpdate(Node before, Node node) {
      put(node);
    }

    private void put(Node node) {
      var taints = told;
      if (taints != null) {
        taints.put(node);
      }
    }

    @Override
    public void onDelete(Node node, boolean unknown) {
      var taints = told;
      if (taints != null) {
        taints.gone(node.getMetadata().getName());
      }
    }

    @Override
    public void onList(String version, boolean remaining) {
      listed = true;
      failure = null;
    }

    @Override
    public @Nullable String problem() {
      var nodes = informer;
      if (listed && nodes != null && nodes.isWatching()) {
        return null;
      }
      return "nodes are not watched" + (failure == null ? " yet" : ": " + failure) + RIGHTS;
    }

    @Override
    public void patch(String node, String patch) {
      client.nodes().withName(node).patch(PatchContext.of(PatchType.JSON), patch);
    }

    @Override
    public void close() {
      if (informer != null) {
        informer.stop();
      }
    }
  }

  // ---- what comes

  /** A node as it is now. */
  void put(Node node) {
    var name = node.getMetadata().getName();
    var before = starting.get(name);
    var now = StartingNode.of(node, key, before, clock.instant());
    if (now == null) {
      gone(name);
      return;
    }
    starting.put(name, now);
    if (before != null && !before.taints().equals(now.taints())) {
      refused.remove(name);
    }
  }

  /** A node is not there any more, or does not have the taint. */
  void gone(String name) {
    starting.remove(name);
    refused.remove(name);
  }

  // ---- what is done

  /**
   * Looks at all nodes with the taint.
   *
   * @param holder whether this server, of several, is the one that writes
   */
  void look(boolean holder) {
    var now = clock.instant();
    ready.keySet().retainAll(starting.keySet());
    for (var node : starting.values()) {
      switch (node.step(key, bridges.of(node.name()), now)) {
        case Step.Wait _ -> ready.remove(node.name());
        case Step.Lift(var patch) -> {
          var since = ready.computeIfAbsent(node.name(), _ -> now);
          if ((holder || !now.isBefore(since.plus(HOLDERS_TURN))) && mayTry(node.name(), now)) {
            lift(node, patch, now);
          }
        }
      }
    }
  }

  private boolean mayTry(String node, Instant now) {
    var before = refused.get(node);
    return before == null || !now.isBefore(before.until);
  }

  private void lift(StartingNode node, String patch, Instant now) {
    try {
      api.patch(node.name(), patch);
      lifted.increment();
      starting.remove(node.name(), node);
      refused.remove(node.name());
      LOG.log(Level.INFO, () -> "start-up taint taken off: node=" + node.name() + " taint=" + key);
    } catch (RuntimeException e) {
      var code = e instanceof KubernetesClientException said ? said.getCode() : 0;
      if (code == NOT_FOUND) {
        gone(node.name());
        return;
      }
      failures.increment();
      var why = KubernetesApi.words(e) + (code == FORBIDDEN ? RIGHTS : "");
      var before = refused.put(node.name(), new Refused(why, now.plus(PAUSE)));
      if (before == null || !before.why.equals(why)) {
        LOG.log(
            Level.WARNING,
            () -> "start-up taint not taken off, tried again: node=" + node.name() + ": " + why);
      }
    }
  }

  // ---- how it is

  /** Nodes that have the taint. */
  int starting() {
    return starting.size();
  }

  long lifted() {
    return lifted.sum();
  }

  /** Times that the taint could not be taken off; it is tried again. */
  long failures() {
    return failures.sum();
  }

  /** What keeps nodes from starting, in words. */
  List<String> problems() {
    var problems = new ArrayList<String>();
    var unread = api.problem();
    if (unread != null) {
      problems.add("taint " + key + ": " + unread);
    }
    var now = clock.instant();
    var late = new ArrayList<String>();
    starting.values().stream()
        .sorted(Comparator.comparing(StartingNode::name))
        .forEach(
            node -> {
              var said = refused.get(node.name());
              var begin = "node " + node.name() + " keeps the taint " + key + ": ";
              if (said != null) {
                late.add(begin + said.why + "; it is tried again");
              } else if (node.step(key, bridges.of(node.name()), now) instanceof Step.Wait(var why)
                  && !now.isBefore(node.seen().plus(USUAL))) {
                late.add(begin + why);
              }
            });
    problems.addAll(late.subList(0, Math.min(NAMED, late.size())));
    if (late.size() > NAMED) {
      problems.add(late.size() - NAMED + " more nodes keep the taint " + key);
    }
    return problems;
  }

  @Override
  public void close() {
    api.close();
  }
}
