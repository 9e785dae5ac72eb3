package io.kith.spiffe;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.spiffe.FileSource.PemFiles;
import io.kith.spiffe.X509Source.Condition;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bouncycastle.openssl.jcajce.JcaMiscPEMGenerator;
import org.bouncycastle.openssl.jcajce.JcaPKCS8Generator;
import org.bouncycastle.util.io.pem.PemObjectGenerator;
import org.bouncycastle.util.io.pem.PemWriter;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileSourceTest extends X509SourceContract {
  @TempDir Path folder;
  private PemFiles files;
  private FileSource source;

  @BeforeEach
  void nameFiles() {
    files =
        new PemFiles(
            folder.resolve("cert-chain.pem"),
            folder.resolve("key.pem"),
            folder.resolve("root-cert.pem"));
    source = new FileSource(files, clock);
  }

  @Override
  X509Source start() {
    source.poll();
    return source;
  }

  @Override
  void issue(Svid svid) throws Exception {
    write(svid);
    source.poll();
  }

  private void write(Svid svid) throws IOException {
    replace(files.certificate(), pem(new JcaMiscPEMGenerator(svid.leaf())));
    replace(files.key(), pem(new JcaPKCS8Generator(svid.key(), null)));
    replace(files.bundle(), pem(new JcaMiscPEMGenerator(authority.certificate())));
  }

  @Override
  void issueNonsense() throws Exception {
    replace(files.certificate(), "-----BEGIN CERTIFICATE-----\nMIIB");
    source.poll();
  }

  @Override
  void stop() {
    source.close();
  }

  private static void replace(Path file, String content) throws IOException {
    var fresh = file.resolveSibling(file.getFileName() + ".new");
    Files.writeString(fresh, content, US_ASCII);
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
  }

  private static String pem(PemObjectGenerator content) throws IOException {
    var text = new StringWriter();
    try (var writer = new PemWriter(text)) {
      writer.writeObject(content);
    }
    return text.toString();
  }

  @Test
  void poll_certificateRenewedBeforeItsKey_keepsThePairThenTakesTheNewOne() throws Exception {
    var first = authority.svid(ID.toString());
    issue(first);
    var second = authority.svid(ID.toString());
    replace(files.certificate(), pem(new JcaMiscPEMGenerator(second.leaf())));

    source.poll();

    assertThat(source.svid()).contains(first);
    assertThat(source.state().condition()).isEqualTo(Condition.STALE);
    assertThat(source.state().words()).contains("key.pem", "does not belong to the certificate");

    replace(files.key(), pem(new JcaPKCS8Generator(second.key(), null)));
    source.poll();

    assertThat(source.svid()).contains(second);
    assertThat(source.state().condition()).isEqualTo(Condition.READY);
  }

  @Test
  void poll_fileRemoved_namesTheFileAndKeepsTheIdentity() throws Exception {
    var good = authority.svid(ID.toString());
    issue(good);
    Files.delete(files.bundle());

    source.poll();

    assertThat(source.svid()).contains(good);
    assertThat(source.state().words()).contains("root-cert.pem", "no such file");
  }

  /** The files were never looked at again. */
  @Test
  void poll_mistakeInside_saysSo_andTheNextLookReadsThem() throws Exception {
    var mistaken = new AtomicBoolean(true);
    var once =
        new Clock() {
          @Override
          public Instant instant() {
            if (mistaken.getAndSet(false)) {
              throw new AssertionError("once");
            }
            return clock.instant();
          }

          @Override
          public ZoneId getZone() {
            return clock.getZone();
          }

          @Override
          public Clock withZone(ZoneId zone) {
            return this;
          }
        };
    var svid = authority.svid(ID.toString());
    write(svid);
    try (var read = new FileSource(files, once)) {
      read.poll();
      assertThat(read.state().condition()).isEqualTo(Condition.WAITING);
      assertThat(read.state().words()).contains("a mistake inside", "once");

      read.poll();
      assertThat(read.svid()).contains(svid);
    }
  }

  /** A listener's mistake is no other's, and not the identity's. */
  @Test
  void poll_listenerThatThrows_theOthersAreTold() throws Exception {
    var told = new ArrayList<X509Source.Event>();
    source.addListener(
        _ -> {
          throw new AssertionError("of a listener");
        });
    source.addListener(told::add);

    var svid = authority.svid(ID.toString());
    issue(svid);

    assertThat(told).hasSize(1);
    assertThat(source.svid()).contains(svid);
    assertThat(source.state().condition()).isEqualTo(Condition.READY);
  }

  @Test
  void poll_unchangedFiles_areNotReadAgain() throws Exception {
    issue(authority.svid(ID.toString()));
    var read = source.lastUpdate();

    source.poll();

    assertThat(source.lastUpdate()).isEqualTo(read);
  }

  @Test
  void poll_keysAsIstioWritesThem_areRead() throws Exception {
    for (var keys :
        new java.security.KeyPair[] {
          TestAuthority.newKeys("EC", 256),
          TestAuthority.newKeys("RSA", 2048),
          TestAuthority.newKeys("RSA", 4096)
        }) {
      var svid = authority.svid(new CertificateForm().uri(ID.toString()).keys(keys));
      write(svid);
      var traditional = pem(new JcaMiscPEMGenerator(keys.getPrivate()));
      assertThat(traditional).containsPattern("BEGIN (EC|RSA) PRIVATE KEY");
      replace(files.key(), traditional);

      source.poll();

      assertThat(source.svid()).as(source.state().words()).contains(svid);
    }
  }

  @Test
  void start_scheduler_seesFilesThatAppearLater() throws Exception {
    try (var scheduler = Executors.newSingleThreadScheduledExecutor();
        var started = FileSource.start(files, Duration.ofMillis(20), clock, scheduler)) {
      assertThat(started.state().condition()).isEqualTo(Condition.WAITING);

      write(authority.svid(ID.toString()));

      assertThat(started.awaitReady(LIMIT)).isTrue();
    }
  }
}
