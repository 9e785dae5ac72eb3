package io.kith.bridge.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NamedFileTest {
  private static final ProcFs SELF = new ProcFs("/proc/self");

  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void write() throws IOException {
    file = Files.writeString(folder.toRealPath().resolve("file (deleted)"), "code");
  }

  private NamedFile look() throws IOException {
    return NamedFile.open(SELF, file.toString());
  }

  @Test
  void of_nameThatEndsLikeTheKernelsMark_isKept() throws Exception {
    var named = look();

    assertThat(named.path()).isEqualTo(file.toString());
    assertThat(named.gone()).isFalse();
    named.file().close();
  }

  @Test
  void of_removedNameOfOneWithAnotherLink_isGoneAndCalledSo() throws Exception {
    Files.createLink(folder.resolve("other"), file);
    var opened = SELF.openInRoot(file.toString());
    Files.delete(file);

    var named = NamedFile.of(opened, SELF);

    assertThat(named.path()).isEqualTo(file.toString());
    assertThat(named.gone()).isTrue();
    assertThat(named.stat().links()).isOne();
    opened.close();
  }

  @Test
  void stayed_renamedSinceTheLook_isFalse() throws Exception {
    Thread.sleep(200); // the file is older than the clock's inaccuracy
    var named = look();
    assertThat(named.stayed()).isTrue();

    var other = Files.move(file, folder.resolve("other"));
    Files.move(other, file);

    assertThat(named.stayed()).isFalse();
    named.file().close();
  }
}
