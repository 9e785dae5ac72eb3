package io.kith.server.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.config.KithConfig.Keys;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.server.provenance.MeshKeys;
import io.kith.server.provenance.Proof;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProvenanceSecretsTest {
  private static final SpiffeId ID = SpiffeId.parse("spiffe://mesh.test/ns/shop/sa/checkout");
  private static final Owner OWNER = Owner.parse("shop/deployment/checkout");
  private static final Instant NOW = Instant.parse("2026-03-01T12:00:00Z");

  @TempDir Path folder;

  private MeshKeys read(String... files) throws IOException {
    var paths = Arrays.stream(files).map(Path::of).toList();
    return ProvenanceSecrets.read(
        new Keys(null, null, null, List.of(), List.of(), List.of(), paths),
        false,
        folder.resolve("data"),
        folder);
  }

  private void write(String name, String text, String mode) throws IOException {
    var file = Files.writeString(folder.resolve(name), text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
  }

  private static String secret(int value) {
    var secret = new byte[32];
    Arrays.fill(secret, (byte) value);
    return Base64.getEncoder().encodeToString(secret);
  }

  private static boolean believes(MeshKeys one, MeshKeys other) {
    var token = other.make(ID, OWNER, "0123456789abcdef", OWNER, NOW);
    return one.check(token, ID, OWNER, NOW) instanceof Proof.Good;
  }

  @Test
  void read_nothingNamed_makesASecretOnceThatOnlyTheOwnerCanRead() throws Exception {
    var first = read();
    var second = read();

    assertThat(believes(first, second)).isTrue();
    assertThat(Files.getPosixFilePermissions(folder.resolve("data/provenance.key")))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
  }

  @Test
  void read_nothingOutlivesTheServer_hasASecretAllTheSame() throws Exception {
    var none = new Keys(null, null, null, List.of(), List.of(), List.of());

    assertThat(
            believes(
                ProvenanceSecrets.read(none, false, null, folder),
                ProvenanceSecrets.read(none, false, null, folder)))
        .isFalse();
  }

  @Test
  void read_nothingNamedForOneOfSeveral_makesNoneThatTheOthersDoNotHave() throws Exception {
    var none = new Keys(null, null, null, List.of(), List.of(), List.of());

    assertThat(ProvenanceSecrets.read(none, true, folder.resolve("data"), folder).isNone())
        .isTrue();
    assertThat(folder.resolve("data")).doesNotExist();
  }

  @Test
  void read_severalNamed_theFirstMakesAndAllCount() throws Exception {
    write("old", secret(1), "rw-------");
    write("new", secret(2) + "\n", "r--r-----");

    var both = read("new", "old");

    assertThat(believes(both, read("old"))).isTrue();
    assertThat(believes(both, read("new"))).isTrue();
    assertThat(believes(read("new"), both)).isTrue();
    assertThat(believes(read("old"), both)).isFalse();
    assertThat(folder.resolve("data")).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource({"rw-r--r--", "rw----r--", "rw-rw----", "rw--w----"})
  void read_fileThatOthersMayUse_isRefused(String mode) throws Exception {
    write("open", secret(1), mode);

    assertThatThrownBy(() -> read("open"))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("server.keys.provenance: '" + folder.resolve("open") + "': ")
        .hasMessageContaining("any user may use it (expected: mode 0600 or 0440;");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          not base64!      | is no secret
          ''               | has a secret of 0 octets
          AAAA             | has a secret of 3 octets
          """)
  void read_fileWithoutASecret_isRefusedWithoutShowingIt(String text, String problem)
      throws Exception {
    write("bad", text, "rw-------");

    assertThatThrownBy(() -> read("bad"))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "server.keys.provenance: '"
                + folder.resolve("bad")
                + "' "
                + problem
                + " (expected: base64 of at least 32 random octets, as `openssl rand -base64 32`"
                + " makes)");
  }

  @Test
  void read_missingOrTwice_isRefused() throws Exception {
    write("one", secret(1), "rw-------");
    write("same", secret(1), "rw-------");

    assertThatThrownBy(() -> read("none"))
        .hasMessageStartingWith("server.keys.provenance: '" + folder.resolve("none") + "': ");
    assertThatThrownBy(() -> read("one", "same"))
        .hasMessage(
            "server.keys.provenance: '"
                + folder.resolve("same")
                + "' has the secret of another file");
  }
}
