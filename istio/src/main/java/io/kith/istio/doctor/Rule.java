package io.kith.istio.doctor;

import static io.kith.istio.doctor.Severity.ERROR;
import static io.kith.istio.doctor.Severity.NOTE;
import static io.kith.istio.doctor.Severity.WARNING;

import java.util.Locale;

/** What is looked for, in the order in which it is told; each has a paragraph in docs/doctor.md. */
public enum Rule {
  // ---- what could not be judged
  UNREAD(
      ERROR,
      "objects of the API server, or a file of a dump, that cannot be read",
      "What they say was not judged; the rest was."),
  UNREAD_SIDECAR(
      ERROR,
      "a pod with a sidecar whose configuration was not read",
      "Nobody looked whether its traffic is checked. What could be read of other sidecars was"
          + " judged."),
  // ---- the filters of a sidecar
  UNGUARDED_CHAIN(
      ERROR,
      "an outbound filter chain in which no connection is asked about",
      "What goes through it is neither checked nor learned, whatever the mode."),
  UNGUARDED_REQUESTS(
      ERROR,
      "an outbound HTTP manager without Kith's check before its router",
      "Requests leave unchecked: the check of an HTTP connection refuses nothing."),
  NOT_GATED(
      ERROR,
      "an address without a service that is reached past the gate, where the recipe is strict",
      "Such connections are checked at their first byte, as with the recipe baseline: Envoy is"
          + " connected by then, and who stays silent reads what the destination says first."),
  WEAKENED_CHECK(
      ERROR,
      "a filter with Kith's name that asks somebody else, asks only sometimes, or ignores the"
          + " answer",
      "It looks like a check, and refusals do not hold."),
  TENANT_FILTER(
      ERROR,
      "an EnvoyFilter that takes out or alters what the recipe put there",
      "Whoever may write EnvoyFilters in a namespace can take the check out of its sidecars."),
  PROGRAM_IN_SIDECAR(
      WARNING,
      "a program of somebody's (Lua, WebAssembly) in what leaves a sidecar",
      "It can send by itself, and change a request that was checked: nobody asks about either."),
  MIRRORED_REQUESTS(
      WARNING,
      "routes that mirror requests",
      "Copies leave from Envoy's router, behind all checks: nobody asks about where they go."),
  DROPPED_FIELD(
      ERROR,
      "a field of Kith's EnvoyFilter that is not in the sidecar's configuration",
      "istiod drops fields that it does not know and applies the rest, without a word: a check that"
          + " should count may refuse."),
  OPEN_UNDER_ENFORCE(
      ERROR,
      "a workload under enforce whose sidecar lets pass what nobody answers for",
      "Everything passes while Kith is away or overloaded, and an attacker can bring that about by"
          + " filling the circuit breaker."),
  CLOSED_UNDER_OBSERVE(
      WARNING,
      "a workload that is not enforced whose sidecar refuses what nobody answers for",
      "An outage of Kith is one of a workload that should only be watched."),
  // ---- the server as a sidecar sees it
  SERVER_MISSING(
      ERROR,
      "a check whose cluster the sidecar does not have, also because a Sidecar hides it",
      "Nobody can be asked: everything fails, or passes, as the failure mode says."),
  SERVER_UNHEALTHY(
      ERROR,
      "no healthy address of Kith's server, or none that proves to be it",
      "Nobody answers: everything fails, or passes, as the failure mode says."),
  SERVER_NOT_PINNED(
      ERROR,
      "a cluster of Kith's server without TLS or without the one SPIFFE ID that it must prove",
      "Every workload of the trust domain could answer in its place."),
  // ---- the sidecar itself
  ADMIN_EXPOSED(
      ERROR,
      "an administration interface of Envoy that is not on loopback",
      "Whoever reaches it can stop the sidecar or read its configuration."),
  REJECTED_UPDATE(
      ERROR,
      "an update that Envoy rejected",
      "The sidecar goes on with the last configuration that it took, which may lack a check or a"
          + " failure mode."),
  NOT_SYNCED(
      ERROR,
      "a sidecar that did not acknowledge what istiod sent to it",
      "It goes on with what it had: a recipe, an overlay or a mode that was applied since is not in"
          + " effect there."),
  UNKNOWN_FIELDS(
      WARNING,
      "fields that Envoy did not know and ignored",
      "A setting of a filter is not in effect."),
  OLD_ENVOY(
      ERROR,
      "an Envoy older than 1.40",
      "It ignores shadow_mode, so HTTP connections are refused by their address."),
  ISTIO_SKEW(
      WARNING,
      "a sidecar more than one minor version away from istiod, or newer than it",
      "Istio supports no such pair: fields may be dropped or misread."),
  CERTIFICATE_EXPIRED(
      ERROR,
      "a certificate of a sidecar, or of an authority that it trusts, whose time is over",
      "Handshakes with Kith fail: everything fails, or passes, as the failure mode says."),
  CERTIFICATE_ENDING(
      WARNING,
      "a certificate in the last quarter of its life, or an authority's in its last 30 days",
      "A sidecar gets another after half of that time, so renewal does not work."),
  CLOCK_SKEW(
      WARNING,
      "a clock that differs by more than 30 seconds",
      "Certificates and proofs of the process, which hold for a minute, seem to be expired or not"
          + " yet valid."),
  // ---- objects of Istio
  SIDECAR_WITHOUT_CAPTURE(
      WARNING,
      "a Sidecar with captureMode NONE for what leaves",
      "Its listeners take what applications send to them on purpose. Everything else depends on"
          + " whether the pod is redirected at all."),
  REGISTRY_ONLY_WITH_STRICT(
      WARNING,
      "outboundTrafficPolicy REGISTRY_ONLY, or an egressProxy, where the recipe is strict",
      "The gate connects where Istio's black hole would not, and past the egressProxy: either is"
          + " without effect there."),
  NO_SERVER_NAMES(
      NOTE,
      "sidecars without any TLS inspector on what leaves",
      "Destinations outside the mesh are known by their address, not by name: rules by name do not"
          + " match TLS there."),
  EXCLUDED_BY_MESH(
      WARNING,
      "ports or blocks that the injector takes out of the redirection of every pod",
      "They go past all sidecars. The guard of the bridge refuses them under enforce."),
  UDP(
      NOTE,
      "a service or port of UDP, such as QUIC",
      "UDP goes past sidecars. The guard of the bridge refuses it under enforce."),
  // ---- pods
  NOT_INJECTED(
      ERROR,
      "a pod without sidecar in a namespace whose pods get one",
      "Nothing that it sends is checked, and its processes are not told apart by a sidecar's"
          + " identity."),
  OPTED_OUT(
      WARNING,
      "a pod that asked for no sidecar in a namespace whose pods get one",
      "Nothing that it sends is checked."),
  HOST_NETWORK(
      WARNING,
      "a pod on the node's own network in a namespace whose pods get sidecars",
      "It gets no sidecar and no guard: nothing that it sends is checked."),
  NOT_CAPTURED(
      ERROR, "a sidecar to which nothing is redirected", "Applications reach everything past it."),
  EXCLUDED_TRAFFIC(
      WARNING,
      "annotations that take ports, blocks or interfaces out of the redirection",
      "They go past the sidecar. The guard of the bridge refuses them under enforce."),
  IPV6(
      WARNING,
      "a pod with addresses of both families whose redirection is for IPv4 alone",
      "What it sends over IPv6 goes past the sidecar. The guard of the bridge refuses it under"
          + " enforce."),
  INIT_BEFORE_PROXY(
      WARNING,
      "containers that run before there is a sidecar",
      "What they send is not checked, or fails."),
  PROXY_USER(
      ERROR,
      "a container that runs as the proxy's user or group, by its pod or by its image",
      "What that user sends is never redirected, so it goes past the sidecar. The guard of the"
          + " bridge refuses it under enforce, unless it is the proxy."),
  PROXY_USER_SEEN(
      ERROR,
      "connections past sidecars as the proxy's user, which the guard refused",
      "A process that is not the proxy runs as its user: an image whose own user is 1337, or one"
          + " that became it."),
  OWN_USERS(
      WARNING,
      "a pod whose users are not the node's, so that its sidecar is not user 1337 there",
      "The guard of the bridge does not know the proxy and refuses all that it sends under"
          + " enforce."),
  OTHER_SIDECAR(
      WARNING,
      "a sidecar that is not as Istio's injector makes it: another image, template, bootstrap or"
          + " volume",
      "Whether it asks Kith is up to whoever made it: what it says of itself may be untrue."),
  SIDECAR_WITHIN_REACH(
      WARNING,
      "a pod whose applications reach the sidecar's processes, keys or configuration",
      "A process can stop the sidecar, become it, or speak with its certificate."),
  RAW_PACKETS(
      WARNING,
      "a container with all privileges, or a capability over packets, the kernel or processes",
      "It can send packets that no guard sees, take the redirection or the guard away, or become"
          + " another process."),
  DEFAULT_CAPABILITIES(
      NOTE,
      "a container that may run as root and keeps the runtime's own capabilities",
      "NET_RAW is among those of most runtimes: packets can be sent that no guard sees."),
  PODS_NOT_REFUSED(
      WARNING,
      "a namespace under enforce in which no admission policy refuses pods",
      "Whoever may make pods there can make one that goes round its sidecar, as the proxy's user or"
          + " without a sidecar."),
  ADMISSION_INCOMPLETE(
      WARNING,
      "a policy of Kith's chart that refuses nothing where something is under enforce",
      "What it is for can be done there: debugging as the proxy's user, or EnvoyFilters that take"
          + " the check or its failure mode away."),
  // ---- Kith
  NO_BRIDGE(
      ERROR,
      "a node with sidecars on which no bridge is connected to the server",
      "Processes are not told apart there, and nothing guards what goes past sidecars, Envoy's"
          + " administration on loopback included."),
  BRIDGE_UNWELL(
      WARNING,
      "a bridge with problems, or one that does not find its own connections",
      "Attribution is less certain on that node, or the guard is not whole."),
  KITH_SKEW(
      WARNING,
      "servers or pods of Kith of different versions",
      "An older check server may not answer what a newer control server asks, and an older bridge"
          + " not all that a server asks it.");

  private static final String PAGE = "docs/doctor.md#";

  private final Severity severity;
  private final String looksFor;
  private final String means;

  Rule(Severity severity, String looksFor, String means) {
    this.severity = severity;
    this.looksFor = looksFor;
    this.means = means;
  }

  /** The word for it, {@code unguarded-chain}. */
  public String id() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  public Severity severity() {
    return severity;
  }

  /** What is found, as half a sentence. */
  public String looksFor() {
    return looksFor;
  }

  /** What follows from it, in sentences. */
  public String means() {
    return means;
  }

  /** Where to read more. */
  public String docs() {
    return PAGE + id();
  }
}
