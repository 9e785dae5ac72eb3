package io.kith.bridge.process;

import io.kith.bridge.process.EntryPoint.Inline;
import io.kith.bridge.process.EntryPoint.JvmMain;
import io.kith.bridge.process.EntryPoint.Module;
import io.kith.bridge.process.EntryPoint.Native;
import io.kith.bridge.process.EntryPoint.ScriptFile;
import io.kith.bridge.process.EntryPoint.Stdin;
import io.kith.bridge.process.EntryPoint.Unclear;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads what an interpreter was told to run from its arguments, by the rules of each interpreter.
 *
 * <p>The interpreter is known by the name of the file that runs, never by what it calls itself. An
 * option that is not known is taken to have no value of its own, as the interpreters' manuals have
 * it; when that is wrong the value is taken for a script, which nobody has approved.
 */
final class CommandLine {
  private static final Pattern SHELL =
      Pattern.compile("(ba|da|z|k|mk|a|pdk|ya|fi|c|tc)?sh|rbash|sh\\.distrib");
  private static final Pattern PYTHON = Pattern.compile("(python|pypy)[0-9.]*[a-z]?");
  private static final Pattern NODE = Pattern.compile("node(js)?[0-9]*");
  private static final Pattern RUBY = Pattern.compile("ruby[0-9.]*");
  private static final Pattern PERL = Pattern.compile("perl[0-9.]*");
  private static final Pattern PHP = Pattern.compile("php[0-9.]*");
  private static final Pattern LOADER = Pattern.compile("ld(-linux.*|-musl.*|-[0-9.]+|64)?\\.so.*");
  private static final Pattern DESCRIPTOR =
      Pattern.compile("/dev/stdin|/dev/fd/\\d+|/proc/(self|thread-self|\\d+)(/task/\\d+)?/fd/\\d+");

  private final List<String> arguments;
  private final boolean truncated;
  private final List<String> loads = new ArrayList<>();
  private int next;

  private CommandLine(List<String> arguments, int from, boolean truncated) {
    this.arguments = arguments;
    this.next = from;
    this.truncated = truncated;
  }

  /**
   * The entry point of a program.
   *
   * @param executable last segment of the path of the file that runs
   * @param arguments with the program's own name first
   * @param truncated arguments are missing at the end
   */
  static EntryPoint read(String executable, List<String> arguments, boolean truncated) {
    return read(executable, arguments, truncated, 1);
  }

  private static EntryPoint read(
      String executable, List<String> arguments, boolean truncated, int from) {
    var line = new CommandLine(arguments, from, truncated);
    if (SHELL.matcher(executable).matches()) {
      return line.shell();
    }
    if (PYTHON.matcher(executable).matches()) {
      return line.python();
    }
    if (NODE.matcher(executable).matches()) {
      return line.node();
    }
    if (RUBY.matcher(executable).matches()) {
      return line.clusters("e", "IrCEFKWTx", "r");
    }
    if (PERL.matcher(executable).matches()) {
      return line.clusters("eE", "IMmiFCDx", "Mm");
    }
    if (PHP.matcher(executable).matches()) {
      return line.php();
    }
    if (LOADER.matcher(executable).matches()) {
      return line.loader();
    }
    return switch (executable) {
      case "java" -> line.java();
      case "jshell" -> new Stdin();
      case "busybox", "toybox" -> line.applet();
      default -> new Native();
    };
  }

  /**
   * The program's name: the last segment of what was executed, or the applet of a multi-call
   * binary.
   */
  static String program(String filename, List<String> arguments) {
    var name = lastSegment(filename);
    if (isMultiCall(name) && arguments.size() > 1) {
      var applet = arguments.get(1);
      return applet.startsWith("-") ? name : name + " " + applet;
    }
    return name;
  }

  /** Whether it takes the arguments of a program to know what it runs. */
  static boolean tellsWhatRuns(String executable) {
    return isMultiCall(executable)
        || !(read(executable, List.of(executable), true) instanceof Native);
  }

  private static boolean isMultiCall(String name) {
    return name.equals("busybox") || name.equals("toybox");
  }

  static String lastSegment(String path) {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  private @Nullable String take() {
    return next < arguments.size() ? arguments.get(next++) : null;
  }

  private EntryPoint script(@Nullable String operand) {
    if (operand == null) {
      return truncated ? new Unclear() : new Stdin();
    }
    return operand.equals("-") || DESCRIPTOR.matcher(operand).matches()
        ? new Stdin()
        : new ScriptFile(operand, loads);
  }

  private EntryPoint inline(@Nullable String code) {
    return code == null ? new Unclear() : new Inline(code);
  }

  private EntryPoint shell() {
    var code = false;
    var standardInput = false;
    String operand = null;
    for (var word = take(); word != null; word = take()) {
      if (word.equals("--") || word.equals("-")) {
        operand = take();
        break;
      }
      if (word.startsWith("--")) {
        if (word.equals("--rcfile") || word.equals("--init-file")) {
          load(word, take());
        }
      } else if (word.startsWith("-") || word.startsWith("+")) {
        code |= word.startsWith("-") && word.indexOf('c') > 0;
        standardInput |= word.startsWith("-") && word.indexOf('s') > 0;
        word.chars().filter(letter -> letter == 'o' || letter == 'O').forEach(_ -> take());
      } else {
        operand = word;
        break;
      }
    }
    if (code) {
      return inline(operand);
    }
    return standardInput ? new Stdin() : script(operand);
  }

  private EntryPoint python() {
    for (var word = take(); word != null; word = take()) {
      if (word.equals("--check-hash-based-pycs")) {
        take();
      } else if (word.equals("--")) {
        return script(take());
      } else if (!word.startsWith("-") || word.equals("-")) {
        return script(word);
      } else if (!word.startsWith("--")) {
        for (var i = 1; i < word.length(); i++) {
          var attached = word.substring(i + 1);
          switch (word.charAt(i)) {
            case 'c' -> {
              return inline(attached.isEmpty() ? take() : attached);
            }
            case 'm' -> {
              var module = attached.isEmpty() ? take() : attached;
              return module == null ? new Unclear() : new Module(module, loads);
            }
            case 'W', 'X' -> {
              if (attached.isEmpty()) {
                take();
              }
              i = word.length();
            }
            default -> {
              // a flag
            }
          }
        }
      }
    }
    return script(null);
  }

  private static final Set<String> NODE_LOADS =
      Set.of("-r", "--require", "--import", "--loader", "--experimental-loader");
  private static final Set<String> NODE_VALUES =
      Set.of(
          "-C",
          "--conditions",
          "--env-file",
          "--env-file-if-exists",
          "--title",
          "--input-type",
          "--icu-data-dir",
          "--diagnostic-dir",
          "--disable-warning",
          "--watch-path",
          "--stack-trace-limit",
          "--openssl-config",
          "--experimental-config-file");

  private EntryPoint node() {
    for (var word = take(); word != null; word = take()) {
      var equals = word.indexOf('=');
      var option = equals > 0 ? word.substring(0, equals) : word;
      if (word.equals("--")) {
        return script(take());
      } else if (!word.startsWith("-") || word.equals("-")) {
        return script(word);
      } else if (option.equals("--eval") || option.equals("--print") || isNodeCode(word)) {
        return inline(equals > 0 && word.startsWith("--") ? word.substring(equals + 1) : take());
      } else if (NODE_LOADS.contains(option)) {
        load(option, equals > 0 ? word.substring(equals + 1) : take());
      } else if (NODE_VALUES.contains(word)) {
        take();
      }
    }
    return script(null);
  }

  private static boolean isNodeCode(String word) {
    return word.equals("-e") || word.equals("-p") || word.equals("-pe");
  }

  /**
   * Letters behind one dash, as perl and ruby take them.
   *
   * @param code letters after which code follows
   * @param values letters whose value is the rest of the word, or for some the next word
   * @param loading those of {@code values} that load code
   */
  private EntryPoint clusters(String code, String values, String loading) {
    for (var word = take(); word != null; word = take()) {
      if (word.equals("--")) {
        return script(take());
      }
      if (!word.startsWith("-") || word.equals("-")) {
        return script(word);
      }
      if (word.startsWith("--")) {
        continue;
      }
      for (var i = 1; i < word.length(); i++) {
        var letter = word.charAt(i);
        var attached = word.substring(i + 1);
        if (code.indexOf(letter) >= 0) {
          return inline(attached.isEmpty() ? take() : attached);
        }
        if (letter == 'l' || letter == '0') { // digits may follow, and other letters after them
          continue;
        }
        if (values.indexOf(letter) >= 0) {
          var needed = "IrMmCE".indexOf(letter) >= 0 && !(letter == 'C' && code.equals("eE"));
          var value = attached.isEmpty() && needed ? take() : attached;
          if (loading.indexOf(letter) >= 0) {
            load("-" + letter, value);
          }
          break;
        }
      }
    }
    return script(null);
  }

  private EntryPoint php() {
    for (var word = take(); word != null; word = take()) {
      if (word.equals("--")) {
        return new Stdin();
      }
      if (!word.startsWith("-") || word.equals("-")) {
        return script(word);
      }
      if (word.equals("--run")
          || word.equals("--process-begin")
          || word.equals("--process-code")
          || word.equals("--process-end")) {
        return inline(take());
      }
      if (word.equals("--file") || word.equals("--process-file")) {
        return script(take());
      }
      if (word.startsWith("--")) {
        continue;
      }
      var attached = word.substring(2);
      switch (word.charAt(1)) {
        case 'r', 'B', 'R', 'E' -> {
          return inline(attached.isEmpty() ? take() : attached);
        }
        case 'f', 'F' -> {
          return script(attached.isEmpty() ? take() : attached);
        }
        case 'd', 'z', 'c', 't', 'S' -> {
          var value = attached.isEmpty() ? take() : attached;
          if (value != null
              && (value.startsWith("auto_prepend_file")
                  || value.startsWith("extension")
                  || word.charAt(1) == 'z')) {
            load("-" + word.charAt(1), value);
          }
        }
        default -> {
          // a flag
        }
      }
    }
    return script(null);
  }

  private static final Set<String> JAVA_VALUES =
      Set.of(
          "--add-modules",
          "--add-exports",
          "--add-opens",
          "--add-reads",
          "--limit-modules",
          "--upgrade-module-path",
          "--patch-module",
          "--enable-native-access",
          "--source",
          "--describe-module",
          "-d");

  private EntryPoint java() {
    var classPath = "";
    for (var word = take(); word != null; word = take()) {
      var equals = word.indexOf('=');
      var option = word.startsWith("--") && equals > 0 ? word.substring(0, equals) : word;
      var value = word.startsWith("--") && equals > 0 ? word.substring(equals + 1) : null;
      switch (option) {
        case "-cp", "-classpath", "--class-path" -> {
          var given = value == null ? take() : value;
          classPath = given == null ? "" : given;
        }
        case "-p", "--module-path" -> load("-p", value == null ? take() : value);
        case "-jar" -> {
          var jar = take();
          return jar == null ? new Unclear() : new JvmMain(jar, jar, loads);
        }
        case "-m", "--module" -> {
          var module = value == null ? take() : value;
          return module == null ? new Unclear() : new Module(module, loads);
        }
        default -> {
          if (word.startsWith("-javaagent:")
              || word.startsWith("-agentpath:")
              || word.startsWith("-agentlib:")
              || word.startsWith("-Xbootclasspath")
              || word.startsWith("-Djava.system.class.loader=")) {
            loads.add(word);
          } else if (word.startsWith("@") && !word.startsWith("@@")) {
            return new JvmMain(word, word.substring(1), loads);
          } else if (option.equals("--patch-module") || option.equals("--upgrade-module-path")) {
            load(option, value == null ? take() : value);
          } else if (value == null && JAVA_VALUES.contains(word)) {
            take();
          } else if (!word.startsWith("-")) {
            return javaMain(word, classPath);
          }
        }
      }
    }
    return new Unclear();
  }

  private EntryPoint javaMain(String word, String classPath) {
    if (word.endsWith(".java")) {
      return new ScriptFile(word, loads);
    }
    var single = !classPath.isEmpty() && classPath.indexOf(':') < 0 && classPath.endsWith(".jar");
    return new JvmMain(
        classPath.isEmpty() ? word : classPath + "!" + word, single ? classPath : null, loads);
  }

  /** The dynamic loader called as a program runs its operand. */
  private EntryPoint loader() {
    for (var word = take(); word != null; word = take()) {
      switch (word) {
        case "--library-path", "--inhibit-rpath", "--argv0", "--glibc-hwcaps-mask" -> take();
        case "--preload", "--audit" -> load(word, take());
        default -> {
          if (!word.startsWith("-")) {
            return script(word);
          }
        }
      }
    }
    return script(null);
  }

  private EntryPoint applet() {
    var own = lastSegment(arguments.isEmpty() ? "" : arguments.getFirst());
    if (isMultiCall(own)) {
      var applet = take();
      return applet == null ? new Native() : applet(applet);
    }
    return applet(own.startsWith("-") ? own.substring(1) : own);
  }

  private EntryPoint applet(String name) {
    return SHELL.matcher(name).matches() ? shell() : new Native();
  }

  private void load(String option, @Nullable String value) {
    loads.add(value == null ? option : option + " " + value);
  }
}
