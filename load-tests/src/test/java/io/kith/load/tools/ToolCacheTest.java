package io.kith.load.tools;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ToolCacheTest {
  @TempDir Path temporary;

  @Test
  void fetch_ofWhatIsThere_saysSo() throws Exception {
    var cache = new ToolCache(temporary);
    var said = new ArrayList<String>();

    cache.fetch("tool", "1", _ -> {}, said::add);
    assertThat(said).isEmpty();
    cache.fetch("tool", "1", _ -> {}, said::add);

    assertThat(said).containsExactly("tool 1 from the cache");
  }

  @Test
  void of_cacheHomeSet_isBelowIt() {
    assertThat(
            ToolCache.of(Map.of("XDG_CACHE_HOME", "/var/cache"), "/home/ada")
                .folder("envoy", "1.40.0"))
        .isEqualTo(Path.of("/var/cache/kith/envoy/1.40.0"));
  }

  @Test
  void of_noCacheHome_isBelowTheHome() {
    assertThat(ToolCache.of(Map.of(), "/home/ada").folder("envoy", "1.40.0"))
        .isEqualTo(Path.of("/home/ada/.cache/kith/envoy/1.40.0"));
  }

  @Test
  void fetch_absent_appearsCompleteAndIsNotFilledTwice() throws Exception {
    var cache = new ToolCache(temporary);

    var first =
        cache.fetch("tool", "1", folder -> Files.writeString(folder.resolve("program"), "one"));
    var second = cache.fetch("tool", "1", _ -> Files.writeString(temporary, "never"));

    assertThat(second).isEqualTo(first);
    assertThat(first.resolve("program")).hasContent("one");
    assertThat(first.getParent())
        .isDirectoryContaining("glob:**/1")
        .isDirectoryNotContaining("glob:**/.fetching*");
  }

  @Test
  void fetch_anotherProcessWasFaster_keepsWhatIsThere() throws Exception {
    var cache = new ToolCache(temporary);

    var folder =
        cache.fetch(
            "tool",
            "1",
            fresh -> {
              Files.writeString(fresh.resolve("program"), "late");
              Files.createDirectories(cache.folder("tool", "1"));
              Files.writeString(cache.folder("tool", "1").resolve("program"), "early");
            });

    assertThat(folder.resolve("program")).hasContent("early");
  }

  @Test
  void fetch_fails_leavesNothingAndSaysWhereAndWhatToDo() {
    var cache = new ToolCache(temporary);

    assertThatThrownBy(
            () ->
                cache.fetch(
                    "tool",
                    "1",
                    _ -> {
                      throw new IOException("disk full");
                    }))
        .isInstanceOf(MissingToolException.class)
        .hasMessage(
            "tool 1: cannot be put into %s: disk full (set XDG_CACHE_HOME to a writable folder with space)",
            cache.folder("tool", "1"));
    assertThat(temporary.resolve("tool")).isEmptyDirectory();
  }
}
