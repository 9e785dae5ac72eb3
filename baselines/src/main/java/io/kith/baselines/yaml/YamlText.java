package io.kith.baselines.yaml;

import java.util.List;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;

/** YAML for people and for {@code kubectl}: blocks, two spaces, keys in the order given. */
public final class YamlText {
  private YamlText() {}

  /**
   * Writes documents, separated by {@code ---}, after a comment.
   *
   * @param comment lines without their {@code #}; may be empty
   * @param documents maps that keep their order, lists, texts, numbers and truth values
   */
  public static String write(List<String> comment, List<?> documents) {
    var settings =
        DumpSettings.builder()
            .setDefaultFlowStyle(FlowStyle.BLOCK)
            .setIndent(2)
            .setWidth(120)
            .setSplitLines(false)
            .setDereferenceAliases(true)
            .build();
    var text = new StringBuilder();
    for (var line : comment) {
      // a line break inside a comment would end it
      text.append(("# " + line.replaceAll("\\R|\\p{Cc}", " ")).stripTrailing()).append('\n');
    }
    var separator = "";
    for (var document : documents) {
      text.append(separator).append(new Dump(settings).dumpToString(document));
      separator = "---\n";
    }
    return text.toString();
  }
}
