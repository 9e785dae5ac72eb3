package io.kith.server.cli;

import static io.kith.server.cli.ServedShop.OWNER;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Explanation;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.Destination;
import io.kith.server.check.CheckRecord;
import io.kith.server.cli.ReasonStories.Story;
import io.kith.server.control.Shop;
import io.kith.server.verb.Surroundings;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/**
 * docs/reasons.md: every reason of a denial with what {@code kith explain} says of a real one. The
 * page changes only by {@code -Dkith.goldens=refresh}.
 */
@Timeout(600)
class ReasonDocsTest {
  private static final Path PAGE = Path.of("..", "docs", "reasons.md");
  private static final String HEAD =
      """
      # Why Kith denies

      Every reason that a verdict can have: the word in logs, metrics, spans and in Envoy's access log, what it means, what to do,
      and what `kith explain` says of an example. In the examples `shop/deployment/checkout` is enforced; its baseline has one edge,
      `/app/payments` to `shop/statefulset/orders-db:5432`. OWNER, EDGE and the like stand for what `kith show` and `kith decisions` print.

      """;
  private static final Pattern INLINE = Pattern.compile("`(kith [^`]*)`");
  private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|(\\S+)");

  /** Denials that come about; in the order of the page. */
  private static final Map<Class<? extends Reason>, Story> STORIES = new LinkedHashMap<>();

  /** Words that the decision has and this version gives no connection, with what is so instead. */
  private static final Map<Reason, String> NOT_GIVEN = new LinkedHashMap<>();

  static {
    STORIES.put(Reason.NewProcess.class, ReasonStories::newProcess);
    STORIES.put(Reason.NewDestination.class, ReasonStories::newDestination);
    STORIES.put(Reason.OriginNotInImage.class, ReasonStories::originNotInImage);
    STORIES.put(Reason.HashChanged.class, ReasonStories::hashChanged);
    STORIES.put(Reason.LineageMismatch.class, ReasonStories::lineageMismatch);
    STORIES.put(Reason.InterpreterInline.class, ReasonStories::interpreterInline);
    STORIES.put(Reason.InjectedCode.class, ReasonStories::injectedCode);
    STORIES.put(Reason.Expired.class, ReasonStories::expired);
    STORIES.put(Reason.DeniedByHand.class, ReasonStories::deniedByHand);
    STORIES.put(Reason.Quarantined.class, ReasonStories::quarantined);
    STORIES.put(Reason.IdentityMismatch.class, ReasonStories::identityMismatch);
    STORIES.put(Reason.NameMismatch.class, ReasonStories::nameMismatch);
    STORIES.put(Reason.Unattributed.class, ReasonStories::unattributed);
    STORIES.put(Reason.BridgeUnavailable.class, ReasonStories::bridgeUnavailable);
    STORIES.put(Reason.UnknownReporter.class, ReasonStories::unknownReporter);
    STORIES.put(Reason.BadProvenance.class, ReasonStories::badProvenance);
    STORIES.put(Reason.Malformed.class, ReasonStories::malformed);
    STORIES.put(Reason.Overloaded.class, ReasonStories::overloaded);
    STORIES.put(Reason.Deadline.class, ReasonStories::deadline);
    STORIES.put(Reason.Internal.class, ReasonStories::internal);
    NOT_GIVEN.put(
        new Reason.NoBaseline(),
        "a workload without a baseline stays in observe, where nothing has to allow a connection");
    NOT_GIVEN.put(
        new Reason.Unmediated(),
        "only `kith replay` does, for protocols of a log that no proxy checks");
  }

  @TempDir private Path folder;

  @Test
  void page_isWhatExplainSays_andItsCommandsAllow() throws Exception {
    var text = new StringBuilder(HEAD);
    text.append("| reason | can a rule allow it |\n| --- | --- |\n");
    var sections = new StringBuilder();
    for (var story : STORIES.entrySet()) {
      try (var shop = shop()) {
        ReasonStories.enforce(shop);
        var denied = story.getValue().tell(shop);
        var reason = reasonOf(denied);
        assertThat(reason).isInstanceOf(story.getKey());
        var explained = explained(shop, denied);
        sections.append(section(reason)).append(example(explained));
        var command = allowing(explained);
        text.append(row(reason, command == null ? "no" : "yes"));
        if (command != null) {
          assertAllows(shop, command, denied);
        }
      }
    }
    for (var kept : NOT_GIVEN.entrySet()) {
      text.append(row(kept.getKey(), "–"));
      sections.append(section(kept.getKey())).append(notGiven(kept.getKey(), kept.getValue()));
    }
    text.append(sections);

    if ("refresh".equals(System.getProperty("kith.goldens"))) {
      Files.writeString(PAGE, text);
    }
    assertThat(text.toString())
        .as("refresh with -Dkith.goldens=refresh, and review the difference")
        .isEqualTo(Files.readString(PAGE));
  }

  @Test
  void page_hasEveryReason() throws Exception {
    var told = new ArrayList<Class<?>>(STORIES.keySet());
    NOT_GIVEN.keySet().forEach(reason -> told.add(reason.getClass()));

    assertThat(told).containsExactlyInAnyOrder(Reason.class.getPermittedSubclasses());
    assertThat(Files.readString(PAGE).lines().filter(line -> line.startsWith("## `")))
        .hasSize(Reason.class.getPermittedSubclasses().length);
  }

  @Test
  void page_everyCommand_isOneOfTheCommandLine() throws Exception {
    var commands = new ArrayList<String>();
    var page = Files.readString(PAGE);
    INLINE.matcher(page).results().forEach(found -> commands.add(found.group(1)));
    page.lines().map(String::strip).filter(line -> line.startsWith("kith ")).forEach(commands::add);
    var kith = commandLine();

    assertThat(commands).hasSizeGreaterThan(20);
    for (var command : commands) {
      var words = words(command);
      if (words.size() > 2) { // a verb alone is named, not told
        var parsed = kith.parseArgs(words.subList(1, words.size()).toArray(String[]::new));
        assertThat(parsed.hasSubcommand()).as(command).isTrue();
      }
      assertThat(kith.getSubcommands()).as(command).containsKey(words.get(1));
    }
  }

  private CommandLine commandLine() {
    var nowhere = new PrintWriter(new StringWriter());
    return Kith.commandLine(new Surroundings(Map.of(), folder, "ada", nowhere, nowhere));
  }

  private ServedShop shop() throws Exception {
    var own = Files.createTempDirectory(folder, "shop");
    return new ServedShop(
        own, List.of(Files.writeString(own.resolve("lists.yaml"), ReasonStories.ALLOW_LIST)));
  }

  private static Reason reasonOf(CheckRecord answered) {
    assertThat(answered.decision().applied()).isInstanceOf(Deny.class);
    return ((Deny) answered.decision().applied()).reason();
  }

  private static String explained(ServedShop shop, CheckRecord denied) throws Exception {
    shop.flush();
    ReasonStories.done(shop, "explain", denied.decisionId());
    return shop.out.toString();
  }

  private static String row(Reason reason, String rule) {
    return "| [`" + reason.code() + "`](#" + reason.code() + ") | " + rule + " |\n";
  }

  private static String section(Reason reason) {
    var words = ReasonWords.of(reason);
    return "\n## `" + reason.code() + "`\n\n" + words.means() + "\n\n" + words.todo() + "\n";
  }

  /** Without what differs from run to run. */
  private static String example(String explained) {
    return "\n```\n"
        + explained
            .replaceAll("d:[0-9a-f]{16}", "d:0123456789abcdef")
            .replaceAll("bl:[0-9a-f]{32}", "bl:…")
            .replaceAll("(sha256:[0-9a-f]{12})[0-9a-f]{52}", "$1…")
            .replaceAll("(?m)^  trace .*\\R", "")
        + "```\n";
  }

  private static String notGiven(Reason reason, String instead) {
    Destination destination = Shop.elsewhere().destination();
    return "\nThis version gives no connection that verdict: "
        + instead
        + ". In words it is: "
        + Explanation.of(new Deny(null, reason), null, destination)
        + ".\n";
  }

  /** The command that would allow it, or null when none does. */
  private static @Nullable String allowing(String explained) {
    return explained
        .lines()
        .map(String::strip)
        .filter(line -> line.startsWith("kith allow "))
        .findFirst()
        .orElse(null);
  }

  private static void assertAllows(ServedShop shop, String command, CheckRecord denied) {
    var words = words(command);
    assertThat(command).startsWith("kith allow " + OWNER + " " + denied.decisionId());

    ReasonStories.done(shop, words.subList(1, words.size()).toArray(String[]::new));

    var flow = requireNonNull(denied.flow(), command);
    assertThat(shop.check(flow).decision().applied()).as(command).isInstanceOf(Verdict.Allow.class);
  }

  private static List<String> words(String command) {
    return WORD.matcher(command)
        .results()
        .map(word -> word.group(1) == null ? word.group(2) : word.group(1))
        .toList();
  }
}
