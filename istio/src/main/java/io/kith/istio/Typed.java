package io.kith.istio;

import static io.kith.istio.Yaml.map;
import static java.util.Objects.requireNonNull;

import java.util.Map;

/** Envoy's extensions: a name, and a configuration that says of which type it is. */
final class Typed {
  /** What the name of a type begins with. */
  static final String TYPES = "type.googleapis.com/";

  static final String HTTP_MANAGER = "envoy.filters.network.http_connection_manager";
  static final String TCP_PROXY = "envoy.filters.network.tcp_proxy";

  private static final String HTTP_MANAGER_TYPE =
      "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
  private static final String TCP_PROXY_TYPE =
      "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";

  private Typed() {}

  /**
   * An extension.
   *
   * @param type name of its configuration's type
   * @param settings keys and values, which alternate
   */
  static Map<String, Object> typed(String name, String type, Object... settings) {
    var config = map("@type", TYPES + type);
    config.putAll(map(settings));
    return map("name", name, "typed_config", config);
  }

  static Map<String, Object> httpManager(Object... settings) {
    return typed(HTTP_MANAGER, HTTP_MANAGER_TYPE, settings);
  }

  static Map<String, Object> tcpProxy(Object... settings) {
    return typed(TCP_PROXY, TCP_PROXY_TYPE, settings);
  }

  static Map<String, Object> router() {
    return typed("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router");
  }

  /** The configuration of an extension, to be added to. */
  @SuppressWarnings("unchecked")
  static Map<String, Object> config(Map<String, Object> extension) {
    return (Map<String, Object>) requireNonNull(extension.get("typed_config"));
  }

  /**
   * The same extension in a form that istiod hands on as it is. In the plain form it drops the
   * fields that it does not know, and what was to be counted would be refused.
   */
  static Map<String, Object> wrapped(Map<String, Object> extension) {
    var value = map();
    value.putAll(config(extension));
    var type = requireNonNull(value.remove("@type"));
    return map(
        "name",
        requireNonNull(extension.get("name")),
        "typed_config",
        map("@type", TYPES + "xds.type.v3.TypedStruct", "type_url", type, "value", value));
  }

  /** Text that Envoy would otherwise read as a format. */
  static String literal(String text) {
    return text.replace("%", "%%");
  }
}
