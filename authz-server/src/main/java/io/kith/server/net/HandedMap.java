package io.kith.server.net;

import io.grpc.netty.shaded.io.netty.channel.unix.FileDescriptor;
import io.kith.server.bridge.OpenerTables;
import io.kith.server.check.BoundedLog;
import io.kith.server.ffm.SharedWords;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.logging.Level;
import org.jspecify.annotations.Nullable;

/**
 * A BPF array of 64-bit words, as the kernel describes a descriptor of it. Source:
 * bpf_map_show_fdinfo in kernel/bpf/syscall.c.
 */
final class HandedMap implements OpenerTables.Handed {
  private static final BoundedLog LOG = new BoundedLog(HandedMap.class, 1);

  /** What no path of a file is. */
  private static final String A_MAP = "anon_inode:bpf-map";

  private static final String ARRAY = "2";
  private static final String WORD = "8";

  private final FileDescriptor descriptor;
  private final long id;
  private final long words;

  private HandedMap(FileDescriptor descriptor, long id, long words) {
    this.descriptor = descriptor;
    this.id = id;
    this.words = words;
  }

  /** What a descriptor is of; null where that is anything else, which is closed then. */
  static @Nullable HandedMap of(FileDescriptor descriptor) {
    String problem;
    try {
      var number = String.valueOf(descriptor.intValue());
      var kind = Files.readSymbolicLink(Path.of("/proc/self/fd", number)).toString();
      if (kind.equals(A_MAP)) {
        var facts = facts(Files.readString(Path.of("/proc/self/fdinfo", number)));
        if (ARRAY.equals(facts.get("map_type")) && WORD.equals(facts.get("value_size"))) {
          return new HandedMap(descriptor, number(facts, "map_id"), number(facts, "max_entries"));
        }
      }
      problem = kind + " was handed over (expected: a BPF array of 64-bit words)";
    } catch (IOException | NumberFormatException e) {
      problem = String.valueOf(e.getMessage());
    }
    close(descriptor);
    LOG.log(
        Level.WARNING,
        "no table of openers: its bridge is asked about each connection",
        Map.of("problem", problem),
        null);
    return null;
  }

  private static Map<String, String> facts(String lines) {
    var facts = new HashMap<String, String>();
    lines
        .lines()
        .forEach(
            line -> {
              var colon = line.indexOf(':');
              if (colon > 0) {
                facts.put(line.substring(0, colon), line.substring(colon + 1).strip());
              }
            });
    return facts;
  }

  private static long number(Map<String, String> facts, String name) {
    return Long.parseLong(facts.getOrDefault(name, ""));
  }

  @Override
  public long id() {
    return id;
  }

  @Override
  public long words() {
    return words;
  }

  @Override
  public SharedWords map() throws IOException {
    return SharedWords.map(descriptor.intValue(), Math.toIntExact(words));
  }

  @Override
  public void close() {
    close(descriptor);
  }

  private static void close(FileDescriptor descriptor) {
    try {
      descriptor.close();
    } catch (IOException _) {
      // there is nothing else to be done with it
    }
  }
}
