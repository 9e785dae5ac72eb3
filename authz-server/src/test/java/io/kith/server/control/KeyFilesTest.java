package io.kith.server.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.bundle.Pem;
import io.kith.baselines.config.KithConfig.Keys;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeyFilesTest {
  private static final Keys NONE = new Keys(null, null, null, List.of(), List.of(), List.of());

  @TempDir Path folder;

  @Test
  void read_nothingNamed_makesKeysOnceThatOnlyTheOwnerCanRead() throws Exception {
    var directory = folder.resolve("data");

    var first = KeyFiles.read(NONE, directory, folder);
    var second = KeyFiles.read(NONE, directory, folder);

    assertThat(second.learner().id()).isEqualTo(first.learner().id());
    assertThat(second.approverIds()).isEqualTo(first.approverIds()).hasSize(1);
    assertThat(first.learner().id()).isNotEqualTo(first.approverIds().getFirst());
    try (var files = Files.list(directory)) {
      assertThat(files)
          .allSatisfy(
              file ->
                  assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                      .isEqualTo("rw-------"))
          .map(file -> file.getFileName().toString())
          .containsExactlyInAnyOrder("learner.pem", "approver.pem");
    }
  }

  @Test
  void read_approversNamed_theServerDoesNotSignForThem() throws Exception {
    var person = ServerKeys.fresh();
    Files.writeString(folder.resolve("ada.pem"), Pem.of(person.publicKey()));

    var keys =
        KeyFiles.read(
            new Keys(null, null, null, List.of(Path.of("ada.pem")), List.of(), List.of()),
            folder.resolve("data"),
            folder);

    assertThat(keys.approver()).isNull();
    assertThat(keys.approverIds()).containsExactly(person.id());
  }

  @Test
  void read_folderThatCannotBeMade_saysWhichAndNamesTheSettings() throws Exception {
    var data = Files.createFile(folder.resolve("file")).resolve("data");

    assertThatThrownBy(() -> KeyFiles.read(NONE, data, folder))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("'" + data + "' is not writable: ")
        .hasMessageEndingWith(
            " (the server keeps its keys beside store.path unless server.keys.directory is set:"
                + " mount a volume there, or set one of them to a folder that this user may"
                + " write)");
  }

  @Test
  void read_whatIsNoKey_isRefusedWithoutItsText() throws Exception {
    Files.writeString(folder.resolve("bad.pem"), "secret words");

    assertThatThrownBy(
            () ->
                KeyFiles.read(
                    new Keys(null, Path.of("bad.pem"), null, List.of(), List.of(), List.of()),
                    folder,
                    folder))
        .hasMessageStartingWith("server.keys.learner: '" + folder.resolve("bad.pem") + "': no PEM")
        .hasMessageNotContaining("secret");
    assertThatThrownBy(
            () ->
                KeyFiles.read(
                    new Keys(null, null, null, List.of(Path.of("none.pem")), List.of(), List.of()),
                    folder,
                    folder))
        .hasMessageEndingWith("cannot be read: it is not there");
  }
}
