package io.kith.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URLDecoder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A path of {@code google.api.http}: literal segments, {@code {field}} for one segment, {@code
 * {field=*}} with more of {@code /*} for several, and perhaps {@code :verb} at its end.
 *
 * <p>A value may hold a colon, as ids do. A slash in one segment is written {@code %2F}.
 */
final class PathTemplate {
  private static final Pattern VARIABLE = Pattern.compile("\\{([a-z_]+)(?:=(\\*(?:/\\*)*))?}");
  private static final Pattern LITERAL = Pattern.compile("[A-Za-z0-9/_:.-]*");

  private final String text;
  private final Pattern pattern;
  private final List<String> variables;

  private PathTemplate(String text, Pattern pattern, List<String> variables) {
    this.text = text;
    this.pattern = pattern;
    this.variables = List.copyOf(variables);
  }

  /**
   * Reads a template.
   *
   * @throws IllegalArgumentException for a form that is not known here
   */
  static PathTemplate parse(String text) {
    var regex = new StringBuilder();
    var variables = new ArrayList<String>();
    var matcher = VARIABLE.matcher(text);
    var end = 0;
    while (matcher.find()) {
      regex.append(literal(text, end, matcher.start()));
      var segments = matcher.group(2) == null ? "*" : matcher.group(2);
      regex.append('(').append(segments.replace("*", "[^/]+")).append(')');
      variables.add(matcher.group(1));
      end = matcher.end();
    }
    regex.append(literal(text, end, text.length()));
    return new PathTemplate(text, Pattern.compile(regex.toString()), variables);
  }

  private static String literal(String text, int from, int to) {
    var literal = text.substring(from, to);
    if (!LITERAL.matcher(literal).matches()) {
      throw new IllegalArgumentException(
          "path '" + text + "': '" + literal + "' (expected: literals and {field=*/*})");
    }
    return Pattern.quote(literal);
  }

  /** The fields that the path fills. */
  List<String> variables() {
    return variables;
  }

  /**
   * The values in a path.
   *
   * @param path as it was sent, with its percent signs
   * @return by field; null when the path is another
   */
  @Nullable Map<String, String> match(String path) {
    var matcher = pattern.matcher(path);
    return matcher.matches() ? values(matcher) : null;
  }

  private @Nullable Map<String, String> values(Matcher matcher) {
    var values = new LinkedHashMap<String, String>();
    for (var i = 0; i < variables.size(); i++) {
      var segments = matcher.group(i + 1).split("/", -1);
      for (var j = 0; j < segments.length; j++) {
        try {
          segments[j] = URLDecoder.decode(segments[j].replace("+", "%2B"), UTF_8);
        } catch (IllegalArgumentException _) {
          return null; // no value is written so
        }
        if (segments.length > 1 && segments[j].contains("/")) {
          return null; // it would be another number of segments
        }
      }
      values.put(variables.get(i), String.join("/", segments));
    }
    return values;
  }

  @Override
  public String toString() {
    return text;
  }
}
