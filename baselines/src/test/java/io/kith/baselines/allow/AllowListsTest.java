package io.kith.baselines.allow;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.allow.AllowLists.Replacement.Accepted;
import io.kith.baselines.allow.AllowLists.Replacement.Refused;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.edge.ProcessPattern.ScriptPattern;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.yaml.Problem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AllowListsTest {
  private static final Set<String> PUBLIC = Set.of("com", "co.uk", "example", "s3.amazonaws.com");
  static final PublicSuffixes SUFFIXES = host -> PUBLIC.contains(host) ? null : host;
  private static final Owner CHECKOUT = Owner.parse("shop/deployment/checkout");
  private static final AllowLists NONE = AllowLists.none(SUFFIXES);

  @Test
  void replace_theAnnotatedExample_isReadAsItSays() throws Exception {
    var text = Files.readString(Path.of("..", "docs", "egress-allow-list.yaml"));

    var rules = accepted(NONE.replace("a.yaml", text)).of(CHECKOUT);

    assertThat(rules.allowed())
        .extracting(HandRule::words)
        .containsExactly(
            "/usr/bin/python#.# /srv/checkout.py → api.payments.example:443: card payments,"
                + " SHOP-812 (ada@example.com)",
            "/opt/vendor/agent → *.ingest.vendor.example:8443-8450: the vendor's tool is copied in"
                + " by the entrypoint, SHOP-815 (ada@example.com, until 2027-04-01T00:00:00Z)",
            "/bin/busybox as wget ← /usr/sbin/crond → 192.0.2.0/24:8080: nightly export, started by"
                + " cron only (grace@example.com)");
    assertThat(rules.allowed())
        .extracting(HandRule::strictness)
        .containsExactly(Strictness.CLASS, Strictness.HASH, Strictness.LINEAGE);
    assertThat(rules.allowed().get(1).provenance().until())
        .isEqualTo(Instant.parse("2027-04-01T00:00:00Z"));
    assertThat(rules.denied())
        .extracting(HandRule::words)
        .containsExactly(
            "any process → 169.254.169.254/32:*: nobody here needs the metadata service"
                + " (grace@example.com)",
            "/usr/bin/curl → *:*: a tool of the image that no workload uses"
                + " (security@example.com)");
  }

  @Test
  void of_anotherWorkload_hasOnlyTheRulesOfItsNamespace() throws Exception {
    var text = Files.readString(Path.of("..", "docs", "egress-allow-list.yaml"));
    var lists = accepted(NONE.replace("a.yaml", text));

    assertThat(lists.of(Owner.parse("shop/deployment/cart")).denied()).hasSize(1);
    assertThat(lists.of(Owner.parse("pay/deployment/cart"))).isEqualTo(HandRules.NONE);
  }

  @Test
  void replace_manyMistakes_areReportedTogetherWithTheirPlaces() {
    var problems =
        refused(
            """
            apiVersion: kith.io/v2
            kind: EgressAllowList
            metadata: {name: Checkout}
            spec:
              workload: checkout
              rules:
                - action: permit
                  by: ada
                  process: {path: bin/curl}
                  destination: {host: 10.0.0.1, port: 443}
                - action: allow
                  by: ada
                  why: x
                  until: tomorrow
                  process: {path: /usr/bin/curl, sha256: abc}
                  destination: {host: "*.co.uk", port: 70000}
                  note: y
            ---
            kind: EgressAllowList
            """);

    assertThat(problems)
        .containsExactly(
            "a.yaml:1:13: apiVersion: 'kith.io/v2' (expected: kith.io/v1)",
            "a.yaml:3:18: metadata.name: 'Checkout' (expected: lower-case letters, digits, '-' and"
                + " '.')",
            "a.yaml:5:13: spec.workload: scope: 'checkout' (expected: *, namespace/* or"
                + " namespace/kind/name)",
            "a.yaml:7:15: spec.rules[0].action: 'permit' (expected: one of allow, deny)",
            "a.yaml:7:7: spec.rules[0].why: missing (expected: why it is so, for whoever reads it"
                + " next year)",
            "a.yaml:9:23: spec.rules[0].process.path: 'bin/curl' (expected: an absolute path, as the"
                + " process sees it)",
            "a.yaml:10:27: spec.rules[0].destination.host: '10.0.0.1' is an address (expected: cidr:"
                + " 10.0.0.1)",
            "a.yaml:14:14: spec.rules[1].until: 'tomorrow' (expected: 2027-01-31 or"
                + " 2027-01-31T18:00:00Z)",
            "a.yaml:15:46: spec.rules[1].process.sha256: 'abc' (expected: 64 lower-case hex digits)",
            "a.yaml:16:27: spec.rules[1].destination.host: '*.co.uk' covers names of strangers:"
                + " anybody can register below co.uk (expected: a wildcard below a name of one owner,"
                + " as *.example.com)",
            "a.yaml:16:44: spec.rules[1].destination.port: ports: 70000-70000 (expected: 1 to 65535,"
                + " the lower one first)",
            "a.yaml:17:7: spec.rules[1].note: unknown key (expected: one of [action, by,"
                + " destination, process, strictness, until, why])",
            "a.yaml:19:1: apiVersion: missing (expected: kith.io/v1)",
            "a.yaml:19:1: metadata.name: missing (expected: a name)",
            "a.yaml:19:1: spec.workload: missing (expected: namespace/kind/name, namespace/* or *)",
            "a.yaml:19:1: spec.rules: missing (expected: a list of rules, which may be empty)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          action: deny, process: {}, destination: {host: a.com} | process.path: nothing asked for (expected: a path, program, script or sha256; or no process)
          action: deny, strictness: hash, process: {path: /a} | strictness: given (expected: none, a rule that denies asks for what it says)
          action: allow, destination: {host: a.com, port: 1} | process: missing (expected: {path: /path/of/the/executable, …})
          action: allow, process: {program: x}, destination: {host: a.com, port: 1} | process.path: missing (expected: the executable's absolute path)
          action: allow, process: {path: /usr/bin/*}, destination: {host: a.com, port: 1} | process.path: '/usr/bin/*' has a '*' (expected: one path; its digits match any digits)
          action: allow, process: {path: /a/}, destination: {host: a.com, port: 1} | process.path: '/a/' (expected: an absolute path, as the process sees it)
          action: allow, process: {path: /a} | destination: missing (expected: {host: …, port: …} or {cidr: …, port: …})
          action: allow, process: {path: /a}, destination: {host: a.com} | destination.port: missing (expected: port: 443 or ports: 9000-9100)
          action: allow, process: {path: /a}, destination: {host: a.com, port: 1, ports: 2-3} | destination.ports: beside port (expected: one of them)
          action: allow, process: {path: /a}, destination: {host: a.com, ports: 3-2} | destination.ports: ports: 3-2 (expected: 1 to 65535, the lower one first)
          action: allow, process: {path: /a}, destination: {host: a.com, port: 0} | destination.port: ports: 0-0 (expected: 1 to 65535, the lower one first)
          action: allow, process: {path: /a}, destination: {host: a.com, port: https} | destination.port: 'https' (expected: 443 or 9000-9100)
          action: allow, process: {path: /a}, destination: {port: 1} | destination.host: with a cidr or without both (expected: a host or a cidr)
          action: allow, process: {path: /a}, destination: {host: a.com, cidr: 10.0.0.0/8, port: 1} | destination.host: with a cidr or without both (expected: a host or a cidr)
          action: allow, process: {path: /a}, destination: {host: "*.com", port: 1} | destination.host: '*.com' covers names of strangers: anybody can register below com (expected: a wildcard below a name of one owner, as *.example.com)
          action: allow, process: {path: /a}, destination: {host: "*.s3.amazonaws.com", port: 1} | destination.host: '*.s3.amazonaws.com' covers names of strangers: anybody can register below s3.amazonaws.com (expected: a wildcard below a name of one owner, as *.example.com)
          action: allow, process: {path: /a}, destination: {host: "*", port: 1} | destination.host: '*' (expected: api.example.com, *.example.com or namespace/kind/name; other letters than a to z as xn--…)
          action: allow, process: {path: /a}, destination: {host: "a.*.com", port: 1} | destination.host: 'a.*.com' (expected: api.example.com, *.example.com or namespace/kind/name; other letters than a to z as xn--…)
          action: allow, process: {path: /a}, destination: {host: bücher.example, port: 1} | destination.host: 'bücher.example' (expected: api.example.com, *.example.com or namespace/kind/name; other letters than a to z as xn--…)
          action: allow, process: {path: /a}, destination: {host: shop/db, port: 1} | destination.host: owner: 'shop/db' (expected: namespace/kind/name, as shop/deployment/checkout)
          action: allow, process: {path: /a}, destination: {cidr: 10.1.2.3/8, port: 1} | destination.cidr: '10.1.2.3/8' (expected: the block's first address, 10.0.0.0/8)
          action: allow, process: {path: /a}, destination: {cidr: 10.0.0.0/33, port: 1} | destination.cidr: prefix: 33 (expected: 0 to 32)
          action: allow, process: {path: /a}, destination: {cidr: 10.0.0.0/08, port: 1} | destination.cidr: '10.0.0.0/08' (expected: an address block such as 10.1.0.0/16 or fd00:1::/32)
          action: allow, process: {path: /a}, destination: {cidr: all, port: 1} | destination.cidr: 'all' (expected: an address block such as 10.1.0.0/16 or fd00:1::/32)
          action: allow, process: {path: /a}, destination: {host: a.com, port: 1, protocol: icmp} | destination.protocol: 'icmp' (expected: one of tcp, udp)
          action: allow, strictness: hash, process: {path: /a}, destination: {host: a.com, port: 1} | process.sha256: missing (expected: the executable's, for strictness hash)
          action: allow, strictness: class, process: {path: /a, sha256: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03}, destination: {host: a.com, port: 1} | strictness: class with a sha256 (expected: hash, or no sha256)
          action: allow, process: {path: /a, scriptSha256: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03}, destination: {host: a.com, port: 1} | strictness: class with a sha256 (expected: hash, or no sha256)
          action: allow, strictness: lineage, process: {path: /a}, destination: {host: a.com, port: 1} | process.lineage: missing (expected: the ancestors' executables, the parent first)
          action: allow, process: {path: /a, lineage: [/b]}, destination: {host: a.com, port: 1} | process.lineage: given (expected: strictness lineage, which compares it)
          action: allow, strictness: lineage, process: {path: /a, lineage: [/b, /c, /d, /e]}, destination: {host: a.com, port: 1} | process.lineage: too long (expected: at most 3 executables, the parent first)
          action: deny, destination: {host: , port: 443} | destination.host: empty (expected: a value, or no such key)
          action: deny, destination: {cidr: "", port: 443} | destination.cidr: empty (expected: a value, or no such key)
          action: allow, process: {path: /a}, destination: {host: a.com, port: } | destination.port: empty (expected: a value, or no such key)
          action: allow, process: {path: /a, sha256: ""}, destination: {host: a.com, port: 1} | process.sha256: empty (expected: a value, or no such key)
          action: allow, until: , process: {path: /a}, destination: {host: a.com, port: 1} | until: empty (expected: a value, or no such key)
          action: allow, strictness: strict, process: {path: /a}, destination: {host: a.com, port: 1} | strictness: 'strict' (expected: one of path, class, lineage, hash)
          """)
  void replace_oneMistake_isRefusedWithWhatToDo(String rule, String message) {
    var problems = refused(document("a", "{by: ada, why: x, " + rule + "}"));

    assertThat(problems).hasSize(1);
    assertThat(problems.getFirst()).endsWith(": spec.rules[0]." + message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          process: {path: /a}, destination: {host: A.Example.COM., port: 443} | /a → a.example.com:443: x (ada)
          process: {path: /a}, destination: {host: "*.example.co.uk", ports: 1-65535, protocol: udp} | /a → *.example.co.uk:*: x (ada)
          process: {path: /a}, destination: {host: "*.shop.svc.cluster.local", port: 80} | /a → *.shop.svc.cluster.local:80: x (ada)
          process: {path: /a}, destination: {host: shop/StatefulSet/db, port: 5432} | /a → shop/statefulset/db:5432: x (ada)
          process: {path: /a}, destination: {cidr: 10.0.0.1, port: 1} | /a → 10.0.0.1/32:1: x (ada)
          process: {path: /a}, destination: {cidr: "fd00:0:0::/48", port: 65535} | /a → [fd00:0:0:0:0:0:0:0/48]:65535: x (ada)
          process: {path: /a}, destination: {cidr: 0.0.0.0/0, port: 1} | /a → 0.0.0.0/0:1: x (ada)
          process: {path: /opt/jdk-25/bin/java, script: /app/shop-1.2.jar}, destination: {host: db, port: 1} | /opt/jdk-#/bin/java /app/shop-#.#.jar → db:1: x (ada)
          process: {path: /a}, strictness: path, destination: {host: db, port: 1} | /a → db:1: x (ada)
          strictness: lineage, process: {path: /a, lineage: [/b, /c, /d]}, destination: {host: db, port: 1} | /a ← /b ← /c ← /d → db:1: x (ada)
          """)
  void replace_aCorrectRule_isRead(String rule, String words) {
    var lists =
        accepted(
            NONE.replace(
                "a.yaml", document("a", "{by: ada, why: x, action: allow, " + rule + "}")));

    assertThat(lists.of(CHECKOUT).allowed()).extracting(HandRule::words).containsExactly(words);
  }

  @ParameterizedTest
  @CsvSource({
    "db, MESH_SERVICE",
    "db.shop.svc, MESH_SERVICE",
    "db.shop.svc.cluster.local, MESH_SERVICE",
    "api.example.com, DNS",
    "svc.example.com, DNS",
    "'*.shop.svc', MESH_SERVICE",
    "'*.example.com', DNS",
    "shop/deployment/db, OWNER"
  })
  void replace_aName_allowsOnlyWithTheEvidenceOfItsKind_andDeniesWithAny(
      String host, Evidence weakest) {
    var destination = "destination: {host: \"" + host + "\", port: 1}";

    var rules =
        accepted(
                NONE.replace(
                    "a.yaml",
                    document(
                        "a",
                        "{action: allow, by: a, why: x, process: {path: /a}, " + destination + "}",
                        "{action: deny, by: a, why: x, " + destination + "}")))
            .of(CHECKOUT);

    assertThat(weakest(rules.allowed().getFirst())).isEqualTo(weakest);
    assertThat(weakest(rules.denied().getFirst())).isEqualTo(Evidence.ADDRESS);
  }

  private static Evidence weakest(HandRule rule) {
    return switch (((DestinationPattern.Written) rule.destination()).place()) {
      case Place.Named(_, var weakest) -> weakest;
      case Place.Below(_, var weakest) -> weakest;
      case Place.Anywhere _, Place.Within _ -> throw new AssertionError(rule);
    };
  }

  @Test
  void replace_whatADestinationLeavesOut_isTcpToAllow_andEverythingToDeny() {
    var rules =
        accepted(
                NONE.replace(
                    "a.yaml",
                    document(
                        "a",
                        "{action: allow, by: a, why: x, process: {path: /a}, destination: {host: a.com,"
                            + " port: 1}}",
                        deny("/a"),
                        "{action: deny, by: a, why: x, destination: {host: a.com, protocol: udp}}")))
            .of(CHECKOUT);

    assertThat(rules.allowed())
        .extracting(rule -> ((DestinationPattern.Written) rule.destination()).protocol())
        .containsExactly(Protocol.TCP);
    assertThat(rules.denied())
        .extracting(HandRule::destination)
        .containsExactly(
            new DestinationPattern.Written(new Place.Anywhere(), Ports.ANY, null),
            new DestinationPattern.Written(
                new Place.Named("a.com", Evidence.ADDRESS), Ports.ANY, Protocol.UDP));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          action: deny, process: {path: /a} | true
          action: deny, process: {program: a} | true
          action: deny, process: {sha256: HASH} | true
          action: allow, strictness: path, process: {path: /a}, destination: {host: a.com, port: 1} | true
          action: allow, process: {path: /a, sha256: HASH}, destination: {host: a.com, port: 1} | true
          action: allow, process: {path: /a}, destination: {host: a.com, port: 1} | false
          action: allow, strictness: lineage, process: {path: /a, lineage: [/b]}, destination: {host: a.com, port: 1} | false
          """)
  void replace_aRuleWithoutAScript_coversEveryScript_unlessItIsOfAClass(String rule, boolean any) {
    var text = "{by: a, why: x, " + rule.replace("HASH", "5".repeat(64)) + "}";

    var rules = accepted(NONE.replace("a.yaml", document("a", text))).of(CHECKOUT);

    var all = java.util.stream.Stream.of(rules.allowed(), rules.denied()).flatMap(List::stream);
    assertThat(all)
        .extracting(found -> found.process().script())
        .containsExactly(any ? new ScriptPattern.AnyOrNone() : new ScriptPattern.None());
  }

  @Test
  void replace_onlyTheNameOrOnlyTheWorkloadWrong_isRefused() {
    assertThat(refused(document("A", deny("/a"))))
        .containsExactly(
            "a.yaml:3:18: metadata.name: 'A' (expected: lower-case letters, digits, '-' and '.')");
    assertThat(refused(documentFor("checkout", "a", deny("/a"))))
        .containsExactly(
            "a.yaml:5:13: spec.workload: scope: 'checkout' (expected: *, namespace/* or"
                + " namespace/kind/name)");
  }

  @Test
  void replace_aBrokenFile_leavesTheGoodOneInUse() {
    var good = accepted(NONE.replace("a.yaml", document("a", deny("/usr/bin/curl"))));

    var replacement = good.replace("a.yaml", document("a", deny("curl")));

    assertThat(replacement).isInstanceOf(Refused.class);
    assertThat(good.of(CHECKOUT).denied()).hasSize(1);
  }

  @Test
  void replace_oneBrokenDocumentOfTwo_takesNeither() {
    var text = document("a", deny("/usr/bin/curl")) + "---\n" + document("b", deny("wget"));

    assertThat(NONE.replace("a.yaml", text)).isInstanceOf(Refused.class);
  }

  @Test
  void replace_theSameFileAgain_isInPlaceOfTheFirst() {
    var first = accepted(NONE.replace("a.yaml", document("a", deny("/a"))));

    var second = accepted(first.replace("a.yaml", document("a", deny("/b"))));

    assertThat(second.of(CHECKOUT).denied())
        .extracting(rule -> rule.process().path())
        .containsExactly("/b");
    assertThat(second.without("a.yaml").of(CHECKOUT)).isEqualTo(HandRules.NONE);
  }

  @Test
  void replace_aNameOfAnotherFileOrTwice_isRefused() {
    var first = accepted(NONE.replace("a.yaml", document("a", deny("/a"))));

    assertThat(messages(first.replace("b.yaml", document("a", deny("/b")))))
        .containsExactly(
            "b.yaml:1:1: metadata.name: 'a' is taken by a.yaml:1:1 (expected: a name of its own)");
    assertThat(
            messages(
                NONE.replace(
                    "b.yaml", document("a", deny("/a")) + "---\n" + document("a", deny("/b")))))
        .containsExactly(
            "b.yaml:8:1: metadata.name: 'a' is taken by b.yaml:1:1 (expected: a name of its own)");
  }

  @Test
  void replace_noRulesOrNoDocuments_isAccepted() {
    assertThat(accepted(NONE.replace("a.yaml", "")).all()).isEmpty();
    assertThat(accepted(NONE.replace("a.yaml", "# nothing yet\n")).all()).isEmpty();
    assertThat(
            accepted(
                    NONE.replace(
                        "a.yaml",
                        "{apiVersion: kith.io/v1, kind: EgressAllowList, metadata: {name: a},"
                            + " spec: {workload: shop/*, rules: []}}"))
                .all())
        .hasSize(1);
  }

  @Test
  void replace_aBomb_isRefusedAndLeavesTheGoodOneInUse() {
    var good = accepted(NONE.replace("a.yaml", document("a", deny("/a"))));
    var laughs = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (var i = 1; i < 10; i++) {
      laughs.append(
          "a%d: &a%d [%s*a%d]\n".formatted(i, i, ("*a" + (i - 1) + ", ").repeat(8), i - 1));
    }

    assertThat(messages(good.replace("a.yaml", laughs.toString())).getFirst()).contains("aliases");
    assertThat(messages(good.replace("a.yaml", "[".repeat(500_000))).getFirst())
        .contains("nested too deep");
    assertThat(good.of(CHECKOUT).denied()).hasSize(1);
  }

  // ---- objects of an API

  private static final String OBJECT = "egressallowlist shop/checkout";
  private static final String WHOM = "workloads of namespace 'shop'";

  private static AllowLists.Replacement object(AllowLists lists, String object, String text) {
    return lists.replaceObject(
        object, text, scope -> scope.covers(CHECKOUT) && !scope.toString().equals("*"), WHOM);
  }

  @Test
  void replaceObject_isReadAsAFileIs_andItsRulesSayWhereTheyAre() {
    var lists = accepted(object(NONE, OBJECT, document("checkout", deny("/a"), deny("/b"))));

    assertThat(lists.of(CHECKOUT).denied())
        .isEqualTo(
            accepted(NONE.replace("a.yaml", document("checkout", deny("/a"), deny("/b"))))
                .of(CHECKOUT)
                .denied());
    assertThat(lists.all())
        .extracting(AllowList::name, AllowList::where)
        .containsExactly(org.assertj.core.groups.Tuple.tuple(OBJECT, OBJECT));
    assertThat(lists.all().flatMap(list -> list.rules().stream()))
        .extracting(AllowRule::where)
        .containsExactly(OBJECT + ": spec.rules[0]", OBJECT + ": spec.rules[1]");
  }

  @Test
  void replaceObject_withMistakes_namesEachByItsField() {
    var text =
        document("checkout", "{action: deny, by: ada, process: {path: a}, until: soon, note: x}");

    assertThat(messages(object(NONE, OBJECT, text)))
        .containsExactly(
            OBJECT
                + ": spec.rules[0].why: missing (expected: why it is so, for whoever reads it next"
                + " year)",
            OBJECT + ": spec.rules[0].until: 'soon' (expected: 2027-01-31 or 2027-01-31T18:00:00Z)",
            OBJECT
                + ": spec.rules[0].process.path: 'a' (expected: an absolute path, as the process"
                + " sees it)",
            OBJECT
                + ": spec.rules[0].process.path: nothing asked for (expected: a path, program,"
                + " script or sha256; or no process)",
            OBJECT
                + ": spec.rules[0].note: unknown key (expected: one of [action, by, destination,"
                + " process, strictness, until, why])");
  }

  @Test
  void replaceObject_forOthers_isRefused() {
    assertThat(messages(object(NONE, OBJECT, documentFor("pay/*", "checkout", deny("/a")))))
        .containsExactly(
            OBJECT + ": spec.workload: 'pay/*' (expected: workloads of namespace 'shop')");
    assertThat(messages(object(NONE, OBJECT, documentFor("*", "checkout", deny("/a")))))
        .containsExactly(OBJECT + ": spec.workload: '*' (expected: workloads of namespace 'shop')");
  }

  @Test
  void replaceObject_ofNoneOrTwoDocuments_isRefused() {
    var one = document("a", deny("/a"));

    assertThat(messages(object(NONE, OBJECT, "")))
        .containsExactly(OBJECT + ": 0 documents (expected: one for an object)");
    assertThat(messages(object(NONE, OBJECT, one + "---\n" + one)))
        .containsExactly(OBJECT + ": 2 documents (expected: one for an object)");
  }

  @Test
  void replaceObject_refused_leavesTheLastGoodOne_acceptedTakesItsPlace() {
    var good = accepted(object(NONE, OBJECT, document("checkout", deny("/a"))));

    var refused = object(good, OBJECT, "spec: {}");
    var next = accepted(object(good, OBJECT, document("checkout", deny("/b"), deny("/c"))));

    assertThat(refused).isInstanceOf(Refused.class);
    assertThat(good.of(CHECKOUT).denied()).hasSize(1);
    assertThat(next.of(CHECKOUT).denied()).hasSize(2);
    assertThat(next.without(OBJECT).of(CHECKOUT)).isEqualTo(HandRules.NONE);
  }

  @Test
  void and_hasTheRulesOfBoth_alsoWhereTheirNamesAreTheSame() {
    var files = accepted(NONE.replace("a.yaml", document("checkout", deny("/a"))));
    var objects = accepted(object(NONE, OBJECT, document("checkout", deny("/b"))));

    assertThat(files.and(objects).of(CHECKOUT).denied()).hasSize(2);
    assertThat(files.and(NONE)).isSameAs(files);
    assertThat(NONE.and(objects).of(CHECKOUT)).isEqualTo(objects.of(CHECKOUT));
    assertThat(objects.and(accepted(object(NONE, OBJECT, document("c", deny("/c"), deny("/d"))))))
        .extracting(lists -> lists.of(CHECKOUT).denied().size())
        .isEqualTo(2);
  }

  // ---- for this and the tests beside it

  static String document(String name, String... rules) {
    return document("shop/deployment/checkout", name, rules);
  }

  static String documentFor(String workload, String name, String... rules) {
    return document(workload, name, rules);
  }

  private static String document(String workload, String name, String[] rules) {
    var text =
        new StringBuilder(
            """
            apiVersion: kith.io/v1
            kind: EgressAllowList
            metadata: {name: %s}
            spec:
              workload: "%s"
              rules:
            """
                .formatted(name, workload)
                .stripTrailing());
    text.append(rules.length == 0 ? " []\n" : " [" + String.join(", ", rules) + "]\n");
    return text.toString();
  }

  static String deny(String path) {
    return "{action: deny, by: ada, why: x, process: {path: " + path + "}}";
  }

  static AllowLists accepted(AllowLists.Replacement replacement) {
    assertThat(replacement).as("%s", replacement).isInstanceOf(Accepted.class);
    return ((Accepted) replacement).lists();
  }

  private static java.util.List<String> refused(String text) {
    return messages(NONE.replace("a.yaml", text));
  }

  private static java.util.List<String> messages(AllowLists.Replacement replacement) {
    assertThat(replacement).isInstanceOf(Refused.class);
    return ((Refused) replacement).problems().stream().map(Problem::toString).toList();
  }
}
