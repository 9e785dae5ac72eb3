package io.kith.istio.doctor;

import io.kith.istio.MeshNames;
import io.kith.istio.MeshOverlay;
import io.kith.istio.MeshScope;
import io.kith.istio.MeshSettings;
import io.kith.istio.doctor.SidecarConfig.Filter;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * An EnvoyFilter of Kith's, recipe or overlay, as arguments of the command that makes it: what it
 * has of its own stays when it is made again.
 *
 * @param object nothing where there is none: everything is as by default then, and what has no
 *     default is a word in capitals
 */
record KithFilter(Tree object, String rootNamespace) {
  private static final String RELEASE = "meta.helm.sh/release-name";
  private static final String RELEASE_NAMESPACE = "meta.helm.sh/release-namespace";
  private static final MeshSettings USUAL = MeshSettings.of(MeshSettings.Tcp.BASELINE);
  private static final Pattern VARIABLE = Pattern.compile("%ENVIRONMENT\\((.+)\\)%");
  private static final Pattern SECONDS = Pattern.compile("[0-9]{1,9}(\\.[0-9]{1,9})?s");

  /** What a shell takes as it is. */
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9._:/=-]+");

  private Stream<Tree> patches() {
    return object.at("spec", "configPatches").stream();
  }

  /** What patches put into sidecars under a name. */
  private Stream<Filter> filters(String name) {
    return patches()
        .map(patch -> patch.at("patch", "value"))
        .filter(value -> value.at("name").is(name))
        .map(Filter::of);
  }

  // ---- whose it is

  private String annotation(String key) {
    return object.at("metadata", "annotations", key).text();
  }

  boolean isHelms() {
    return !annotation(RELEASE).isEmpty();
  }

  /**
   * The command by which Helm writes it again.
   *
   * @param values that change, {@code KEY=VALUE}
   */
  String upgrade(String... values) {
    return helm("--reuse-values", values);
  }

  /**
   * The same with a chart of another version, whose own values count where the release has none.
   */
  String renew(String... values) {
    return helm("--reset-then-reuse-values", values);
  }

  private String helm(String old, String... values) {
    var namespace = annotation(RELEASE_NAMESPACE);
    return "helm upgrade "
        + word(annotation(RELEASE))
        + " CHART"
        + (namespace.isEmpty() ? "" : " -n " + word(namespace))
        + " "
        + old
        + Stream.of(values).map(value -> " --set " + word(value)).collect(Collectors.joining());
  }

  // ---- what recipes and overlays agree on

  boolean isStrict() {
    return MeshNames.GATES.stream().anyMatch(object::holds);
  }

  /** Options that are not as by default. */
  String settings() {
    var options = new ArrayList<String>();
    option(options, "--root-namespace", rootNamespace, USUAL.rootNamespace());
    option(
        options,
        "--revision",
        object.at("metadata", "labels", MeshObjects.REVISION).text(),
        USUAL.revision());
    option(options, "--node-variable", nodeVariable(), USUAL.nodeVariable());
    option(options, "--timeout", timeout(), USUAL.timeout().toMillis() + "ms");
    if (object.present() && filters(MeshNames.INBOUND_CONNECTION).findAny().isEmpty()) {
      options.add("--no-inbound");
    }
    if (filters(MeshNames.REQUEST).anyMatch(filter -> filter.matcher().present())) {
      options.add("--short-cut");
    }
    return options.stream().map(option -> " " + option).collect(Collectors.joining());
  }

  private static void option(List<String> to, String name, String value, String usual) {
    if (!value.isEmpty() && !value.equals(usual)) {
      to.add(name + " " + word(value));
    }
  }

  private Tree service() {
    return filters(MeshNames.CONNECTION)
        .map(filter -> filter.config().at("grpc_service"))
        .findFirst()
        .orElse(Tree.NOTHING);
  }

  private String nodeVariable() {
    return service().at("initial_metadata").stream()
        .filter(one -> one.at("key").is("x-kith-node"))
        .map(one -> VARIABLE.matcher(one.at("value").text()))
        .filter(variable -> variable.matches())
        .map(variable -> variable.group(1))
        .findFirst()
        .orElse("");
  }

  private String timeout() {
    var text = service().at("timeout").text();
    return SECONDS.matcher(text).matches()
        ? new BigDecimal(text.substring(0, text.length() - 1))
                .movePointRight(3)
                .setScale(0, RoundingMode.DOWN)
                .toPlainString()
            + "ms"
        : "";
  }

  // ---- a recipe

  /** {@code strict} or {@code baseline}, and all options. */
  String recipe() {
    return recipe(isStrict());
  }

  String recipe(boolean strict) {
    var cluster =
        patches()
            .map(patch -> patch.at("patch", "value"))
            .filter(value -> value.at("name").is(MeshNames.SERVER))
            .findFirst()
            .orElse(Tree.NOTHING);
    var addresses =
        cluster.at("load_assignment", "endpoints").stream()
            .flatMap(group -> group.at("lb_endpoints").stream())
            .map(endpoint -> address(endpoint.at("endpoint", "address")))
            .filter(address -> !address.isEmpty())
            .toList();
    return "kith istio recipe "
        + (strict ? "strict" : "baseline")
        + " --server "
        + (addresses.isEmpty() ? "HOST:PORT" : word(addresses.getFirst()))
        + (addresses.size() > 1 ? " --fallback " + word(addresses.get(1)) : "")
        + " --server-id "
        + pinned(cluster).stream().findFirst().map(KithFilter::word).orElse("SPIFFE-ID")
        + settings();
  }

  /** The names, one of which the server has to prove; empty where any will do. */
  static List<String> pinned(Tree cluster) {
    var tls = cluster.at("transport_socket", "typed_config", "common_tls_context");
    return Stream.of(
            tls.at("validation_context"),
            tls.at("combined_validation_context", "default_validation_context"))
        .flatMap(
            context ->
                Stream.concat(
                    context.at("match_typed_subject_alt_names").stream()
                        .map(name -> name.at("matcher", "exact").text()),
                    context.at("match_subject_alt_names").stream()
                        .map(name -> name.at("exact").text())))
        .toList();
  }

  private static String address(Tree address) {
    if (address.at("pipe").present()) {
      return "unix:" + address.at("pipe", "path").text();
    }
    var host = address.at("socket_address", "address").text();
    return host.isEmpty()
        ? ""
        : (host.contains(":") ? "[" + host + "]" : host)
            + ":"
            + address.at("socket_address", "port_value").text();
  }

  // ---- an overlay

  boolean isOverlay() {
    return !failureMode().isEmpty();
  }

  boolean isKeptByServer() {
    return MeshOverlay.Writer.SERVER.wrote(name());
  }

  private String name() {
    return object.at("metadata", "name").text();
  }

  private String failureMode() {
    return object.at("metadata", "labels", MeshNames.FAILURE_MODE).text();
  }

  /** The command that makes it. */
  String overlay() {
    return "kith istio overlay "
        + scope()
        + labels()
        + (isStrict() ? " --recipe strict" : "")
        + settings()
        + " --failure "
        + word(failureMode())
        + approved();
  }

  private String scope() {
    var name = name();
    if (MeshOverlay.Writer.HAND.nameOf(MeshScope.MESH).equals(name)) {
      return "'*'";
    }
    var namespace = object.at("metadata", "namespace").text();
    var owner = name.split("-", 4); // kith-failure-KIND-NAME; no kind has a dash
    return word(owner.length < 4 ? namespace : namespace + "/" + owner[2] + "/" + owner[3]);
  }

  private String labels() {
    return object.at("spec", "workloadSelector", "labels").entries().entrySet().stream()
        .map(label -> " --label " + word(label.getKey() + "=" + label.getValue().text()))
        .collect(Collectors.joining());
  }

  /** Requests may go wherever connections may, and to hosts. */
  private String approved() {
    return patches()
        .filter(patch -> patch.at("applyTo").is("HTTP_FILTER"))
        .map(patch -> patch.at("patch", "value"))
        .filter(value -> value.at("name").is(MeshNames.FLOOR))
        .flatMap(
            value ->
                Filter.of(value).config().at("rules", "policies", "kith", "permissions").stream())
        .map(permission -> permission.at("and_rules", "rules").list())
        .filter(rules -> !rules.isEmpty())
        .map(rules -> " --approved " + word(approved(rules)))
        .collect(Collectors.joining());
  }

  private static String approved(List<Tree> rules) {
    var host = "";
    var port = "";
    for (var rule : rules) {
      var block = rule.at("destination_ip");
      if (rule.at("destination_port").present()) {
        port = rule.at("destination_port").text();
      } else if (block.present()) {
        var blocks = block.at("address_prefix").text() + "/" + block.at("prefix_len").text();
        host = blocks.contains(":") ? "[" + blocks + "]" : blocks;
      } else {
        host =
            rule.at("or_rules", "rules").stream()
                .map(name -> name.at("header", "string_match", "exact").text())
                .findFirst()
                .orElse("");
      }
    }
    return host + ":" + port;
  }

  // ---- a shell

  /** As a shell takes it for one word: objects are somebody else's. */
  static String word(String text) {
    return PLAIN.matcher(text).matches() ? text : "'" + text.replace("'", "'\\''") + "'";
  }
}
