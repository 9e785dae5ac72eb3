package io.kith.bridge.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.kith.bridge.process.EntryPoint.Inline;
import io.kith.bridge.process.EntryPoint.JvmMain;
import io.kith.bridge.process.EntryPoint.Module;
import io.kith.bridge.process.EntryPoint.Native;
import io.kith.bridge.process.EntryPoint.ScriptFile;
import io.kith.bridge.process.EntryPoint.Stdin;
import io.kith.bridge.process.EntryPoint.Unclear;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class CommandLineTest {
  private static EntryPoint script(String path, String... loads) {
    return new ScriptFile(path, List.of(loads));
  }

  private static EntryPoint jvm(String name, @Nullable String file, String... loads) {
    return new JvmMain(name, file, List.of(loads));
  }

  /**
   * Executable, arguments separated by one space ({@code ~} stands for a space inside one), result.
   */
  static Stream<Arguments> accepted() {
    return Stream.of(
        arguments("curl", "curl http://db/", new Native()),
        arguments("envoy", "python3 x.py", new Native()),
        // shells
        arguments("bash", "bash /app/run.sh a b", script("/app/run.sh")),
        arguments("dash", "sh run.sh", script("run.sh")),
        arguments("bash", "bash -c curl~db", new Inline("curl db")),
        arguments("bash", "bash -ec curl~db", new Inline("curl db")),
        arguments("bash", "bash -c -e curl~db", new Inline("curl db")),
        arguments("bash", "bash -xc -- curl~db name", new Inline("curl db")),
        arguments("bash", "bash -o pipefail -c curl~db", new Inline("curl db")),
        arguments("bash", "bash -eo pipefail run.sh", script("run.sh")),
        arguments("bash", "bash +O extglob run.sh", script("run.sh")),
        arguments("bash", "bash -oe pipefail run.sh", script("run.sh")),
        arguments("bash", "bash --norc run.sh -c x", script("run.sh")),
        arguments("bash", "bash --rcfile /tmp/rc run.sh", script("run.sh", "--rcfile /tmp/rc")),
        arguments("bash", "bash -s run.sh", new Stdin()),
        arguments("bash", "bash", new Stdin()),
        arguments("bash", "-bash", new Stdin()),
        arguments("bash", "bash -", new Stdin()),
        arguments("bash", "bash -- -x.sh", script("-x.sh")),
        arguments("bash", "bash /dev/fd/63", new Stdin()),
        arguments("bash", "bash /proc/self/fd/63", new Stdin()),
        arguments("bash", "bash /dev/stdin", new Stdin()),
        // python
        arguments("python3.11", "python3 app.py --port 1", script("app.py")),
        arguments("python3", "python3 -c print(1)", new Inline("print(1)")),
        arguments("python3", "python3 -cprint(1)", new Inline("print(1)")),
        arguments("python3", "python3 -Bc print(1) app.py", new Inline("print(1)")),
        arguments("python3", "python3 -IBScprint(1)", new Inline("print(1)")),
        arguments("python3", "python3 -m http.server", new Module("http.server", List.of())),
        arguments("python3", "python3 -Imhttp.server", new Module("http.server", List.of())),
        arguments("python3", "python3 -W ignore -X dev app.py", script("app.py")),
        arguments("python3", "python3 -Wignore -Xdev app.py", script("app.py")),
        arguments("python3", "python3 -W -c app.py", script("app.py")),
        arguments("python3", "python3 --check-hash-based-pycs always app.py", script("app.py")),
        arguments("python3", "python3 -", new Stdin()),
        arguments("python3", "python3 -i", new Stdin()),
        arguments("pypy3", "pypy3 app.py", script("app.py")),
        // node
        arguments("node", "node server.js -e 1", script("server.js")),
        arguments("node", "node -e fetch(1)", new Inline("fetch(1)")),
        arguments("node", "node --eval=fetch(1)", new Inline("fetch(1)")),
        arguments("node", "node -pe fetch(1)", new Inline("fetch(1)")),
        arguments("node", "node --print fetch(1)", new Inline("fetch(1)")),
        arguments("node", "node -r /tmp/x.js app.js", script("app.js", "-r /tmp/x.js")),
        arguments(
            "node", "node --import=/tmp/x.mjs app.js", script("app.js", "--import /tmp/x.mjs")),
        arguments("node", "node --max-old-space-size=64 app.js", script("app.js")),
        arguments("node", "node -C dev app.js", script("app.js")),
        arguments("node", "node", new Stdin()),
        // perl and ruby
        arguments("perl", "perl -lane print", new Inline("print")),
        arguments("perl", "perl -e1", new Inline("1")),
        arguments("perl", "perl -E say", new Inline("say")),
        arguments("perl", "perl -I lib -Mstrict x.pl", script("x.pl", "-M strict")),
        arguments("perl", "perl -i.bak -p x.pl", script("x.pl")),
        arguments("ruby", "ruby -r json -e p", new Inline("p")),
        arguments("ruby", "ruby -rjson app.rb", script("app.rb", "-r json")),
        arguments("ruby", "ruby -W0 app.rb", script("app.rb")),
        // php
        arguments("php8.2", "php -r echo(1);", new Inline("echo(1);")),
        arguments("php", "php -d memory_limit=1G x.php", script("x.php")),
        arguments(
            "php",
            "php -dauto_prepend_file=/tmp/x x.php",
            script("x.php", "-d auto_prepend_file=/tmp/x")),
        arguments("php", "php -f x.php", script("x.php")),
        // java
        arguments("java", "java -Xmx1g -jar /app/app.jar", jvm("/app/app.jar", "/app/app.jar")),
        arguments("java", "java -cp /app/a.jar com.Main", jvm("/app/a.jar!com.Main", "/app/a.jar")),
        arguments("java", "java -cp /app/*:/lib com.Main", jvm("/app/*:/lib!com.Main", null)),
        arguments("java", "java --class-path=/tmp/e com.Main", jvm("/tmp/e!com.Main", null)),
        arguments("java", "java --add-opens a/b=c -jar a.jar", jvm("a.jar", "a.jar")),
        arguments(
            "java",
            "java -javaagent:/tmp/e.jar -jar a.jar",
            jvm("a.jar", "a.jar", "-javaagent:/tmp/e.jar")),
        arguments("java", "java @/app/args", jvm("@/app/args", "/app/args")),
        arguments(
            "java",
            "java -p mods -m shop/com.Main",
            new Module("shop/com.Main", List.of("-p mods"))),
        arguments("java", "java --source 25 X.java", script("X.java")),
        arguments("java", "java com.Main", jvm("com.Main", null)),
        arguments("java", "java -version", new Unclear()),
        // multi-call binaries and the loader
        arguments("busybox", "sh -c wget~x", new Inline("wget x")),
        arguments("busybox", "busybox ash /x.sh", script("/x.sh")),
        arguments("busybox", "wget http://x", new Native()),
        arguments(
            "ld-linux-x86-64.so.2",
            "ld.so --argv0 app /usr/bin/python3 x.py",
            script("/usr/bin/python3")),
        arguments(
            "ld-linux-x86-64.so.2",
            "ld.so --preload /tmp/e.so /usr/bin/curl",
            script("/usr/bin/curl", "--preload /tmp/e.so")));
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("accepted")
  void read_knownInterpreter_isItsCode(String executable, String words, EntryPoint expected) {
    var arguments = Stream.of(words.split(" ")).map(word -> word.replace('~', ' ')).toList();

    assertThat(CommandLine.read(executable, arguments, false)).isEqualTo(expected);
  }

  @Test
  void read_noArgumentsAtAll_isStdinOfAnInterpreterAndNothingOfAProgram() {
    assertThat(CommandLine.read("bash", List.of(), false)).isEqualTo(new Stdin());
    assertThat(CommandLine.read("curl", List.of(), false)).isEqualTo(new Native());
    assertThat(CommandLine.read("busybox", List.of(), false)).isEqualTo(new Native());
  }

  @Test
  void read_cutBeforeTheCode_isUnclear() {
    assertThat(CommandLine.read("python3", List.of("python3", "-W", "x"), true))
        .isEqualTo(new Unclear());
    assertThat(CommandLine.read("bash", List.of("bash", "-c"), true)).isEqualTo(new Unclear());
  }

  @Test
  void program_multiCallBinary_namesItsApplet() {
    assertThat(CommandLine.program("/bin/busybox", List.of("busybox", "wget", "x")))
        .isEqualTo("busybox wget");
    assertThat(CommandLine.program("/bin/wget", List.of("wget", "x"))).isEqualTo("wget");
    assertThat(CommandLine.program("/usr/bin/curl", List.of())).isEqualTo("curl");
  }

  @ParameterizedTest
  @CsvSource({
    "python3.11, true",
    "bash, true",
    "java, true",
    "busybox, true",
    "ld-linux-x86-64.so.2, true",
    "curl, false",
    "nginx, false"
  })
  void tellsWhatRuns_ofInterpreters_only(String executable, boolean tells) {
    assertThat(CommandLine.tellsWhatRuns(executable)).isEqualTo(tells);
  }
}
