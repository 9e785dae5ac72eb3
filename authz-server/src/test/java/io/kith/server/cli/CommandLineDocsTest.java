package io.kith.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.server.verb.Surroundings;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;

/**
 * docs/cli-reference.md is what {@code --help} says, and docs/cli.md names every verb. The
 * reference changes only by {@code -Dkith.goldens=refresh}.
 */
class CommandLineDocsTest {
  private static final Path DOCS = Path.of("..", "docs");
  private static final int WIDTH = 100;

  private final CommandLine kith =
      Kith.commandLine(
          new Surroundings(
              Map.of(),
              Path.of(""),
              "ada",
              new PrintWriter(new StringWriter()),
              new PrintWriter(new StringWriter())));

  @Test
  void reference_isWhatHelpSays() throws Exception {
    var text = new StringBuilder();
    text.append(
        """
        # Every verb and option

        What `./kith VERB --help` says, verb by verb. [cli.md](cli.md) has what holds for all of them.
        """);
    for (var verb : verbs(kith)) {
      text.append("\n## ").append(verb.getCommandSpec().qualifiedName()).append("\n\n```\n");
      verb.getUsageMessage(Ansi.OFF)
          .lines()
          .forEach(line -> text.append(line.stripTrailing()).append('\n'));
      text.append("```\n");
    }

    var reference = DOCS.resolve("cli-reference.md");
    if ("refresh".equals(System.getProperty("kith.goldens"))) {
      Files.writeString(reference, text);
    }
    assertThat(text.toString())
        .as("refresh with -Dkith.goldens=refresh, and review the difference")
        .isEqualTo(Files.readString(reference));
  }

  @Test
  void page_namesEveryVerb_andNoOther() throws Exception {
    var page = Files.readString(DOCS.resolve("cli.md"));
    var named =
        page.lines()
            .filter(line -> line.startsWith("| `"))
            .map(line -> line.substring(3, line.indexOf('`', 3)).split(" ", 2)[0])
            .distinct()
            .toList();

    assertThat(named).containsExactlyInAnyOrderElementsOf(kith.getSubcommands().keySet());
  }

  @Test
  void help_ofEveryVerb_teaches_andFitsTheTerminal() {
    for (var verb : verbs(kith)) {
      var name = verb.getCommandSpec().qualifiedName();
      var usage = verb.getUsageMessage(Ansi.OFF);

      assertThat(usage).as(name).startsWith("Usage: kith").contains("Examples:\n  ", "Exit codes:");
      assertThat(usage).as(name).doesNotContain("Usage: Usage:");
      assertThat(usage.lines()).as(name).allMatch(line -> line.length() <= WIDTH);
      assertThat(verb.getCommandSpec().usageMessage().description()).as(name).isNotEmpty();
      for (var option : verb.getCommandSpec().options()) {
        assertThat(option.description()).as(name + " " + option.longestName()).isNotEmpty();
      }
    }
  }

  @Test
  void everyVerb_thatPrintsAResult_hasJsonAndYaml() {
    var servers = List.of("server", "dev-identity", "keys", "bundle", "config", "istio");
    for (var verb : kith.getSubcommands().values()) {
      if (!servers.contains(verb.getCommandName())) {
        assertThat(verb.getCommandSpec().findOption("-o")).as(verb.getCommandName()).isNotNull();
      }
    }
  }

  /** In the order of the help, each before its own verbs. */
  private static List<CommandLine> verbs(CommandLine of) {
    var verbs = new ArrayList<CommandLine>();
    for (var verb : of.getSubcommands().values()) {
      verbs.add(verb);
      verbs.addAll(verbs(verb));
    }
    return verbs;
  }
}
