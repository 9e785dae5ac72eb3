package io.kith.bridge.container;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Empty;
import io.grpc.CallOptions;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import io.kith.baselines.config.RuntimeSetting;
import io.kith.bridge.container.ContainerFacts.PodName;
import io.kith.bridge.container.Described.Known;
import io.kith.bridge.ffm.HostCgroups;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(600)
class CriRuntimeTest {
  private static final Duration LIMIT = Duration.ofMillis(500);
  private static final Duration LONG = Duration.ofMinutes(2);
  private static final String ID = "8".repeat(64);
  private static final String UID = "2f0c1d3e-4a5b-6c7d-8e9f-0a1b2c3d4e5f";
  private static final String PARENT = "/kubepods/besteffort/pod" + UID;

  @TempDir private Path folder;

  @Test
  void inspect_serverThatHangs_endsAtTheLimit() throws Exception {
    var never = new CountDownLatch(1);
    try (var server = new FakeUnixServer(folder.resolve("s"), _ -> never.await());
        var runtime = new CriRuntime(server.socket(), LIMIT)) {
      assertThatThrownBy(() -> runtime.inspect(ID))
          .isInstanceOf(IOException.class)
          .hasMessage("no answer in 500 ms");
    }
  }

  @Test
  void inspect_whatSpeaksNoGrpc_isRefused() throws Exception {
    try (var server =
            new FakeUnixServer(
                folder.resolve("s"), client -> FakeUnixServer.say(client, "\0\1\2 garbage\n"));
        var runtime = new CriRuntime(server.socket(), LONG)) {
      assertThatThrownBy(() -> runtime.inspect(ID))
          .isInstanceOf(IOException.class)
          .hasMessageMatching("(?s)(UNAVAILABLE|INTERNAL).*"); // by what is noticed first
    }
  }

  @Test
  void inspect_noSocket_isRefused() {
    try (var runtime = new CriRuntime(folder.resolve("none"), LONG)) {
      assertThatThrownBy(() -> runtime.inspect(ID)).isInstanceOf(IOException.class);
    }
  }

  /** A pod as the kubelet makes it, of a real containerd; its network is the host's. */
  @Test
  @Tag("root")
  @Tag("containers")
  void describe_podOfContainerd_isKnown_andItsSandboxToo() throws Exception {
    try (var containerd = LocalRuntimes.containerd()) {
      containerd.image("kith.test/base:1", "1");
      var pod = new CriPod(containerd.socket());
      try (var cgroups = HostCgroups.open();
          var directory =
              ContainerDirectory.open(new RuntimeSetting.Cri(containerd.socket()), cgroups)) {
        var sandbox = pod.sandbox();
        var container = pod.container(sandbox);

        var described = known(directory, container);
        var ofSandbox = known(directory, sandbox).facts();

        var facts = described.facts();
        assertThat(facts.name()).isEqualTo("checkout");
        assertThat(facts.pod()).isEqualTo(new PodName("shop", "checkout-1"));
        assertThat(facts.defaultContainer()).isEqualTo("checkout");
        assertThat(facts.sandbox()).isFalse();
        assertThat(requireNonNull(facts.image()).digest()).startsWith("sha256:");
        assertThat(directory.placement(requireNonNull(described.first()).pid()))
            .isEqualTo(new Placement.In(container));
        assertThat(ofSandbox.sandbox()).isTrue();
        assertThat(ofSandbox.pod()).isEqualTo(new PodName("shop", "checkout-1"));
        assertThat(directory.status().problems()).isEmpty();
      } finally {
        pod.close();
      }
    }
  }

  private static Known known(ContainerDirectory directory, String id) {
    var until = System.nanoTime() + LONG.toNanos();
    var described = directory.describe(new Placement.In(id), until);
    while (!(described instanceof Known) && System.nanoTime() < until) {
      Thread.onSpinWait();
      described = directory.describe(new Placement.In(id), until);
    }
    assertThat(described).isInstanceOf(Known.class);
    return (Known) described;
  }

  /** Makes a pod through the parts of the CRI that the bridge never uses, field by field. */
  private static final class CriPod implements AutoCloseable {
    private final ManagedChannel channel;
    private String sandbox = "";

    CriPod(Path socket) {
      this.channel =
          Grpc.newChannelBuilder("unix://" + socket, InsecureChannelCredentials.create()).build();
    }

    /** {@code PodSandboxConfig}. */
    private static ByteString config() throws IOException {
      var metadata = all(field(1, "checkout-1"), field(2, UID), field(3, "shop"));
      var ofHost = all(number(1, 2), number(2, 1)); // network of the node, processes of its own
      return all(
          field(1, metadata),
          field(6, entry("io.kubernetes.pod.name", "checkout-1")),
          field(7, entry(KubernetesLabels.DEFAULT_CONTAINER, "checkout")),
          field(8, all(field(1, PARENT), field(2, field(1, ofHost)))));
    }

    String sandbox() throws IOException {
      sandbox = first(call("RunPodSandbox", field(1, config())));
      return sandbox;
    }

    String container(String sandbox) throws IOException {
      var container =
          all(
              field(1, field(1, "checkout")),
              field(2, field(1, "kith.test/base:1")),
              field(3, "/bin/sleep"),
              field(4, "100000"),
              field(9, entry("io.kubernetes.pod.name", "checkout-1")),
              field(9, entry("io.kubernetes.pod.namespace", "shop")));
      var made =
          first(
              call(
                  "CreateContainer",
                  all(field(1, sandbox), field(2, container), field(3, config()))));
      call("StartContainer", field(1, made));
      return made;
    }

    private static ByteString all(ByteString... fields) {
      return ByteString.copyFrom(List.of(fields));
    }

    private static ByteString field(int number, String text) throws IOException {
      return field(number, ByteString.copyFromUtf8(text));
    }

    private static ByteString field(int number, ByteString value) throws IOException {
      var out = ByteString.newOutput();
      var coded = CodedOutputStream.newInstance(out);
      coded.writeBytes(number, value);
      coded.flush();
      return out.toByteString();
    }

    private static ByteString number(int number, int value) throws IOException {
      var out = ByteString.newOutput();
      var coded = CodedOutputStream.newInstance(out);
      coded.writeInt32(number, value);
      coded.flush();
      return out.toByteString();
    }

    /** Of a map. */
    private static ByteString entry(String key, String value) throws IOException {
      return all(field(1, key), field(2, value));
    }

    private static String first(Empty answer) {
      return answer
          .getUnknownFields()
          .getField(1)
          .getLengthDelimitedList()
          .getFirst()
          .toStringUtf8();
    }

    private Empty call(String method, ByteString request) throws IOException {
      var anything = ProtoUtils.marshaller(Empty.getDefaultInstance());
      var descriptor =
          MethodDescriptor.newBuilder(anything, anything)
              .setType(MethodDescriptor.MethodType.UNARY)
              .setFullMethodName("runtime.v1.RuntimeService/" + method)
              .build();
      return ClientCalls.blockingUnaryCall(
          channel, descriptor, CallOptions.DEFAULT, Empty.parseFrom(request));
    }

    @Override
    public void close() throws IOException {
      if (!sandbox.isEmpty()) {
        call("StopPodSandbox", field(1, sandbox));
        call("RemovePodSandbox", field(1, sandbox));
      }
      removeCgroups();
      channel.shutdownNow();
    }

    /** The runtime leaves those above the containers', as the kubelet would. */
    private static void removeCgroups() throws IOException {
      for (var name : List.of(PARENT, "/kubepods/besteffort", "/kubepods")) {
        new ProcessBuilder("sh", "-c", "rmdir /sys/fs/cgroup" + name + " /sys/fs/cgroup/*" + name)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD) // those that are others' stay
            .start()
            .onExit()
            .join();
      }
    }
  }
}
