package io.kith.spiffe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import com.google.protobuf.ByteString;
import io.grpc.Status;
import io.kith.spiffe.X509Source.Condition;
import io.kith.spiffe.X509Source.Event;
import io.kith.spiffe.workload.FederatedBundle;
import io.kith.spiffe.workload.X509SVIDResponse;
import io.spiffe.workloadapi.grpc.Workload;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkloadApiSourceTest extends X509SourceContract {
  @TempDir Path folder;
  private Path socket;
  private FakeWorkloadApi api;

  @BeforeEach
  void startApi() throws Exception {
    socket = folder.resolve("api.sock");
    api = new FakeWorkloadApi(socket);
  }

  @Override
  X509Source start() {
    return WorkloadApiSource.start(socket, ID, clock);
  }

  private X509SVIDResponse.Builder response(Svid svid) {
    return X509SVIDResponse.newBuilder()
        .addSvids(FakeWorkloadApi.message(svid, authority.certificate()));
  }

  @Override
  void issue(Svid svid) {
    api.answer(response(svid).build());
  }

  @Override
  void issueNonsense() {
    var broken = response(authority.svid(ID.toString()));
    broken.getSvidsBuilder(0).setX509SvidKey(ByteString.copyFromUtf8("no key"));
    api.answer(broken.build());
  }

  @Override
  void stop() {
    api.close();
  }

  @Test
  void start_callCarriesTheHeader() throws Exception {
    try (var source = start()) {
      issue(authority.svid(ID.toString()));
      assertThat(source.awaitReady(LIMIT)).isTrue();

      assertThat(api.headers()).contains("true").doesNotContainNull();
    }
  }

  @Test
  void start_logsNothingOfASocketThatIsAsItShouldBe() throws Exception {
    var said = new CopyOnWriteArrayList<String>();
    var handler =
        new Handler() {
          @Override
          public void publish(LogRecord told) {
            said.add(told.getLevel() + " " + told.getMessage());
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    var all = Logger.getLogger("");
    all.addHandler(handler);
    try (var source = start()) {
      issue(authority.svid(ID.toString()));
      assertThat(source.awaitReady(LIMIT)).isTrue();

      assertThat(said).noneMatch(line -> line.startsWith("WARNING"));
    } finally {
      all.removeHandler(handler);
    }
  }

  @Test
  void svid_severalOffered_isTheExpectedOneAndNeverTheFirst() throws Exception {
    try (var source = listenedTo()) {
      var ours = authority.svid(ID.toString());
      var first = authority.svid("spiffe://mesh.test/a");

      api.answer(
          response(first).addSvids(FakeWorkloadApi.message(ours, authority.certificate())).build());

      nextEvent();
      assertThat(source.svid()).contains(ours);
    }
  }

  @Test
  void svid_labelledAsOursButForAnother_isNotUsed() throws Exception {
    try (var source = listenedTo()) {
      var ours = authority.svid(ID.toString());
      issue(ours);
      nextEvent();
      var mislabelled = response(authority.svid("spiffe://mesh.test/a"));
      mislabelled.getSvidsBuilder(0).setSpiffeId(ID.toString());

      api.answer(mislabelled.build());

      assertThat(nextEvent()).isInstanceOf(Event.Stale.class);
      assertThat(source.svid()).contains(ours);
      assertThat(source.state().words()).contains("is for spiffe://mesh.test/a");
    }
  }

  @Test
  void svid_expectedOneNoLongerOffered_isRedacted() throws Exception {
    try (var source = listenedTo()) {
      issue(authority.svid(ID.toString()));
      nextEvent();

      issue(authority.svid("spiffe://mesh.test/a"));

      assertThat(nextEvent()).isInstanceOf(Event.Redacted.class);
      assertThat(source.svid()).isEmpty();
      assertThat(source.bundles()).isEmpty();
      assertThat(source.state().words()).contains("spiffe://mesh.test/a", ID.toString());
    }
  }

  @Test
  void svid_permissionDenied_isRedactedAndComesBack() throws Exception {
    try (var source = listenedTo()) {
      issue(authority.svid(ID.toString()));
      nextEvent();

      api.refuse(Status.PERMISSION_DENIED.withDescription("no identity issued"));

      assertThat(nextEvent()).isInstanceOf(Event.Redacted.class);
      assertThat(source.svid()).isEmpty();
      assertThat(source.state().condition()).isEqualTo(Condition.REDACTED);
      assertThat(source.state().words()).contains("no identity issued");

      issue(authority.svid(ID.toString()));

      assertThat(nextEvent()).isInstanceOf(Event.Updated.class);
      assertThat(source.state().condition()).isEqualTo(Condition.READY);
    }
  }

  @Test
  void svid_agentRestarts_isStaleAndThenUpdated() throws Exception {
    try (var source = listenedTo()) {
      var first = authority.svid(ID.toString());
      issue(first);
      nextEvent();

      api.close();
      Files.deleteIfExists(socket);

      assertThat(nextEvent()).isInstanceOf(Event.Stale.class);
      assertThat(source.svid()).contains(first);

      api = new FakeWorkloadApi(socket);
      var second = authority.svid(ID.toString());
      issue(second);

      assertThat(nextEvent()).isEqualTo(new Event.Updated(ID, second.expires()));
      assertThat(source.svid()).contains(second);
    }
  }

  /** The standard's file has a map, whose generated class another library has. */
  @Test
  void federatedBundles_writtenAsAMap_areRead() throws Exception {
    var written =
        Workload.X509SVIDResponse.newBuilder()
            .putFederatedBundles("other.test", ByteString.copyFromUtf8("der"))
            .putFederatedBundles("third.test", ByteString.EMPTY)
            .build();

    assertThat(X509SVIDResponse.parseFrom(written.toByteString()).getFederatedBundlesList())
        .extracting(FederatedBundle::getTrustDomain, bundle -> bundle.getBundle().toStringUtf8())
        .containsExactlyInAnyOrder(tuple("other.test", "der"), tuple("third.test", ""));
  }

  @Test
  void bundles_federated_areKeptApartAndReplacedAsAWhole() throws Exception {
    try (var source = listenedTo()) {
      var other = TestAuthority.create("other.test");
      var svid = authority.svid(ID.toString());
      api.answer(
          response(svid)
              .addFederatedBundles(
                  FederatedBundle.newBuilder()
                      .setTrustDomain("spiffe://other.test")
                      .setBundle(FakeWorkloadApi.der(List.of(other.certificate()))))
              .addFederatedBundles(
                  FederatedBundle.newBuilder().setTrustDomain("spiffe://revoked.test"))
              .build());
      nextEvent();

      assertThat(source.bundles())
          .containsOnlyKeys("mesh.test", "other.test")
          .containsEntry("other.test", List.of(other.certificate()));

      issue(svid);
      nextEvent();

      assertThat(source.bundles()).containsOnlyKeys("mesh.test");
    }
  }
}
