package io.kith.server.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.config.Endpoint;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderPlaceTest {
  private static final Duration LONG = Duration.ofSeconds(60);

  @TempDir private Path folder;

  private FolderPlace place() throws Exception {
    return FolderPlace.await(folder, LONG, _ -> {});
  }

  @Test
  void take_secondServer_hasAnotherSocketAndAnotherName() throws Exception {
    try (var first = place();
        var second = place()) {
      assertThat(List.of(first.endpoint(), second.endpoint()))
          .containsExactly(
              new Endpoint.Unix(folder.resolve("1.sock")),
              new Endpoint.Unix(folder.resolve("2.sock")));
      assertThat(List.of(first.suffix(), second.suffix())).containsExactly("", ".2");
    }
  }

  @Test
  void take_placeOfAServerThatEnded_isFreeAgain() throws Exception {
    var first = place();
    try (var second = place()) {
      first.close();

      try (var third = place()) {
        assertThat(third.suffix()).as("the first place").isEmpty();
        assertThat(second.suffix()).isEqualTo(".2");
      }
    }
  }

  @Test
  void await_folderThatComes_isWaitedFor_andSaid() throws Exception {
    var later = folder.resolve("later");
    var said = new ArrayList<String>();

    try (var place =
        FolderPlace.await(
            later,
            LONG,
            words -> {
              said.add(words);
              create(later);
            })) {
      assertThat(place.suffix()).isEmpty();
    }
    assertThat(said)
        .singleElement()
        .asString()
        .isEqualTo(
            "server.bridges.listen: '"
                + later
                + "' is missing (the bridge of this node makes it writable for the group"
                + " bridge.serversGroup, which this server needs)");
  }

  private static void create(Path path) {
    try {
      Files.createDirectory(path);
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Test
  void await_moreThanTheMost_isRefusedInTheEnd() throws Exception {
    var places = new ArrayList<FolderPlace>();
    for (int number = 1; number <= FolderPlace.MOST; number++) {
      places.add(place());
    }

    assertThatThrownBy(() -> FolderPlace.await(folder, Duration.ZERO, _ -> {}))
        .hasMessage(
            "server.bridges.listen: '" + folder + "' has 4 servers already (end one of them)");
    places.forEach(FolderPlace::close);
  }
}
