package io.kith.istio;

import static io.kith.istio.Yaml.map;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Expressions of CEL as the syntax trees that Envoy takes in its configuration: it parses no text.
 * Each node has a number of its own.
 */
final class Cel {
  private int last;

  /** A variable, such as {@code filter_state}. */
  Map<String, Object> variable(String name) {
    return node("ident_expr", map("name", name));
  }

  /** A field of a variable, such as {@code request.host}. */
  Map<String, Object> field(String variable, String field) {
    return node("select_expr", map("operand", variable(variable), "field", field));
  }

  /**
   * An entry of a variable that is a map; without that entry the whole is an error, not a value.
   */
  Map<String, Object> entry(String variable, String key) {
    return call("_[_]", variable(variable), text(key));
  }

  Map<String, Object> text(String constant) {
    return node("const_expr", map("string_value", constant));
  }

  /** The octets of a text: what filter state is compared with. */
  Map<String, Object> octets(Map<String, Object> text) {
    return call("bytes", text);
  }

  Map<String, Object> equal(Map<String, Object> one, Map<String, Object> other) {
    return call("_==_", one, other);
  }

  Map<String, Object> both(Map<String, Object> one, Map<String, Object> other) {
    return call("_&&_", one, other);
  }

  /** True when one of them is, even if another is an error. */
  Map<String, Object> any(Stream<Map<String, Object>> all) {
    return all.reduce((one, other) -> call("_||_", one, other)).orElseThrow();
  }

  private Map<String, Object> call(String function, Object... arguments) {
    return node("call_expr", map("function", function, "args", List.of(arguments)));
  }

  private Map<String, Object> node(String kind, Map<String, Object> content) {
    return map("id", ++last, kind, content);
  }
}
