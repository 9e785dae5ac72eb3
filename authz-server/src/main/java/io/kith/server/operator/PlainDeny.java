package io.kith.server.operator;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashSet;
import org.jspecify.annotations.Nullable;

/*
 * picocli describes a verb to itself by reflection, from annotations for each of whose types the JVM
 * makes a class at each start: a third of the time until the first refusal.
 */
/**
 * The command line of a deny in its usual form, which needs no parser: who denies is in a hurry.
 */
public final class PlainDeny {
  private PlainDeny() {}

  /**
   * Reads {@code deny OWNER ID} with options and their values as words of their own, each once and
   * {@code --note} among them.
   *
   * @return null for all else, which is for the parser
   */
  public static @Nullable DenyCommand parse(String... arguments) {
    if (arguments.length < 5 || arguments.length % 2 == 0 || !arguments[0].equals("deny")) {
      return null;
    }
    var deny = new DenyCommand();
    deny.owner = arguments[1];
    deny.id = arguments[2];
    var isPlain = isValue(deny.owner) && isValue(deny.id);
    var given = new HashSet<String>();
    for (var i = 3; isPlain && i < arguments.length; i += 2) {
      var option = arguments[i].equals("-c") ? "--config" : arguments[i];
      isPlain =
          given.add(option) && isValue(arguments[i + 1]) && set(deny, option, arguments[i + 1]);
    }
    return isPlain && given.contains("--note") ? deny : null;
  }

  private static boolean isValue(String text) {
    return !text.isEmpty() && !text.startsWith("-") && !text.startsWith("@");
  }

  /** Whether there is such an option, with such a value. */
  private static boolean set(DenyCommand deny, String option, String value) {
    switch (option) {
      case "--note" -> deny.note.text = value;
      case "--ttl" -> deny.ttl.text = value;
      case "--server" -> deny.server.server = value;
      case "--config" -> {
        try {
          deny.server.config.file = Path.of(value);
        } catch (InvalidPathException _) {
          return false;
        }
      }
      default -> {
        return false;
      }
    }
    return true;
  }
}
