package io.kith.spiffe.spire;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.HotSpotDiagnosticMXBean;
import io.grpc.InsecureServerCredentials;
import io.kith.spiffe.spire.WorkloadAttestor.Answer;
import io.kith.spiffe.spire.delegated.SubscribeToX509SVIDsResponse;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The agent's answers carry private keys: after an answer no object has one. */
@Timeout(600)
class NoPrivateKeyTest {
  private static final int LENGTH = 138; // of an EC P-256 key in PKCS#8

  @TempDir private Path folder;

  /** Made anew at every use, so that the test itself keeps none; an array of it is never whole. */
  private static byte keyByte(int index) {
    return (byte) (index * 151 + (index >>> 3) * 29 + 77);
  }

  private static byte[] key() {
    var key = new byte[LENGTH];
    for (var i = 0; i < LENGTH; i++) {
      key[i] = keyByte(i);
    }
    return key;
  }

  @Test
  void ask_leavesNoKeyOnTheHeap() throws Exception {
    var socket = folder.resolve("admin.sock");
    try (var fake = new FakeSpireAgent(socket, InsecureServerCredentials.create());
        var agent = SpireAgent.delegated(socket)) {
      fake.behave(stream -> stream.onNext(FakeSpireAgent.delegated(key(), "spiffe://mesh.test/a")));
      for (var i = 0; i < 20; i++) {
        assertThat(agent.ask(1, Duration.ofSeconds(60)).join())
            .isInstanceOf(Answer.Identities.class);
      }

      // Whoever sent the last answer may hold it yet for a moment; what is kept is kept for good.
      var found = keysOnTheHeap("after.hprof");
      for (var again = 0; found > 0 && again < 20; again++) {
        found = keysOnTheHeap("after.hprof");
      }
      assertThat(found).isZero();

      var kept = key();
      assertThat(keysOnTheHeap("kept.hprof")).as("the search finds what is there").isPositive();
      assertThat(kept).hasSize(LENGTH);
    }
  }

  @Test
  void parse_dropsTheKey_withWhateverElseHasNoField() {
    var marshaller = new KeylessMarshaller<>(SubscribeToX509SVIDsResponse.parser());

    var message =
        marshaller.parse(
            new ByteArrayInputStream(FakeSpireAgent.delegated(key(), "spiffe://mesh.test/a")));

    var svid = message.getX509Svids(0);
    assertThat(svid.getX509Svid().getId().getPath()).isEqualTo("/a");
    assertThat(svid.getUnknownFields().asMap()).isEmpty();
    assertThat(svid.getX509Svid().getUnknownFields().asMap()).isEmpty();
    assertThat(message.getUnknownFields().asMap()).isEmpty();
  }

  /** Counts them in a dump of all objects that can be reached. */
  private int keysOnTheHeap(String name) throws IOException {
    var dump = folder.resolve(name);
    requireNonNull(ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class))
        .dumpHeap(dump.toString(), true);
    var found = 0;
    var matched = 0;
    try (var in = new BufferedInputStream(Files.newInputStream(dump), 1 << 20)) {
      for (var next = in.read(); next >= 0; next = in.read()) {
        // The first byte comes once in the key, so a search need not go back further.
        matched = (byte) next == keyByte(matched) ? matched + 1 : (byte) next == keyByte(0) ? 1 : 0;
        if (matched == LENGTH) {
          found++;
          matched = 0;
        }
      }
    }
    Files.delete(dump);
    return found;
  }
}
