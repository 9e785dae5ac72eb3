package io.kith.bridge.process;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.process.Origin;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LayersTest {
  private static final ProcFs SELF = new ProcFs("/proc/self");

  @TempDir Path folder;
  private Layers layers;

  @BeforeEach
  void create() throws IOException {
    for (var name : List.of("upper/app", "high/app", "low/app")) {
      Files.createDirectories(folder.resolve(name));
    }
    layers = layers(path("high"), folder.getFileName() + "/low"); // relative to beside the folder
  }

  private Layers layers(String... names) throws IOException {
    return requireNonNull(Layers.of("/", path("upper"), List.of(names)));
  }

  private String path(String name) throws IOException {
    return folder.toRealPath().resolve(name).toString();
  }

  private void write(String name) throws IOException {
    Files.writeString(folder.resolve(name), name);
  }

  /** What an overlay would say of a file that is this one in truth. */
  private Origin of(String name, String truth) throws IOException {
    var named = NamedFile.open(SELF, path(truth));
    try (var _ = named.file()) {
      return layers.originOf(name, named);
    }
  }

  @Test
  void of_fileOfALowerLayer_isImage() throws Exception {
    write("low/app/one");

    assertThat(of("/app/one", "low/app/one")).isEqualTo(Origin.IMAGE);
    assertThat(of("/app/one", "low/app/one")).as("known by now").isEqualTo(Origin.IMAGE);
  }

  @Test
  void of_writtenSince_isOfTheWritableLayer() throws Exception {
    write("low/app/one");
    assertThat(of("/app/one", "low/app/one")).isEqualTo(Origin.IMAGE);

    write("upper/app/one");

    assertThat(of("/app/one", "upper/app/one")).isEqualTo(Origin.WRITABLE_LAYER);
  }

  /** It, or a folder above it, is called otherwise in the moment of the question. */
  @Test
  void of_renamedWhileItIsAsked_isNeverImage() throws Exception {
    write("high/app/one");
    write("upper/app/other");
    Thread.sleep(200); // without an image it would be believed now

    assertThat(of("/app/none", "upper/app/other")).isEqualTo(Origin.UNKNOWN);
    assertThat(of("/app/one", "upper/app/other")).isEqualTo(Origin.UNKNOWN);
    assertThat(of("/no/folder", "upper/app/other")).isEqualTo(Origin.UNKNOWN);
  }

  @Test
  void of_writableLayerThatIsNotThere_isNull() throws Exception {
    assertThat(Layers.of("/", path("nowhere"), List.of(path("low")))).isNull();
  }

  /** As where one of them cannot be seen from here, or is mounted elsewhere. */
  @Test
  void of_layersThatAreNotAllThere_areNotKnown() throws Exception {
    Files.createDirectory(folder.resolve("empty"));
    write("high/app/one");
    write("upper/app/other");
    Thread.sleep(200); // what is new is not believed where the image is not known

    layers = layers(path("high"), path("nowhere"));
    assertThat(of("/app/none", "upper/app/other")).isEqualTo(Origin.IMAGE);
    layers = layers(path("high"), path("empty"));
    assertThat(of("/app/none", "upper/app/other")).isEqualTo(Origin.IMAGE);
  }

  @Test
  void of_imageThatIsNotKnown_isWhatIsNotWrittenAndNotNew() throws Exception {
    layers = layers();
    write("low/app/one");

    assertThat(of("/app/one", "low/app/one")).as("renamed, perhaps").isEqualTo(Origin.UNKNOWN);
    Thread.sleep(200);

    assertThat(of("/app/one", "low/app/one")).isEqualTo(Origin.IMAGE);
  }
}
