package io.kith.bridge.container;

import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.kith.bridge.container.ContainerFacts.PodName;
import io.kith.bridge.container.cri.ContainerFilter;
import io.kith.bridge.container.cri.ContainerStatus;
import io.kith.bridge.container.cri.ContainerStatusRequest;
import io.kith.bridge.container.cri.ImageServiceGrpc;
import io.kith.bridge.container.cri.ImageSpec;
import io.kith.bridge.container.cri.ImageStatusRequest;
import io.kith.bridge.container.cri.ListContainersRequest;
import io.kith.bridge.container.cri.PodSandboxStatusRequest;
import io.kith.bridge.container.cri.PodSandboxStatusResponse;
import io.kith.bridge.container.cri.RuntimeServiceGrpc;
import io.kith.spiffe.UnixChannels;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A runtime of Kubernetes: containerd, CRI-O, cri-dockerd.
 *
 * <p>Source: Container Runtime Interface, {@code runtime.v1}. The pid of a container is only in the
 * free text of a verbose answer, where containerd and CRI-O write it alike.
 */
final class CriRuntime implements ContainerRuntime {
  private final Path socket;
  private final Duration limit;
  private @Nullable ManagedChannel channel; // guarded by this
  private boolean closed; // guarded by this

  /** Nothing is connected yet. */
  CriRuntime(Path socket, Duration limit) {
    this.socket = socket;
    this.limit = limit;
  }

  /** Made when it is first needed: the start of the bridge does not wait for all of gRPC. */
  private synchronized ManagedChannel channel() throws IOException {
    if (closed) {
      throw new IOException("closed");
    }
    var made = channel;
    if (made == null) {
      made =
          UnixChannels.to(socket, InsecureChannelCredentials.create())
              .idleTimeout(5, TimeUnit.MINUTES)
              .build();
      channel = made;
    }
    return made;
  }

  @Override
  public String name() {
    return "CRI at " + socket;
  }

  @Override
  public Path socket() {
    return socket;
  }

  @Override
  public @Nullable ContainerFacts inspect(String id) throws IOException {
    try {
      var runtime =
          RuntimeServiceGrpc.newBlockingStub(channel())
              .withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS);
      var container = container(runtime, id);
      return container != null ? container : sandbox(runtime, id);
    } catch (StatusRuntimeException e) {
      throw new IOException(words(e.getStatus()), e);
    }
  }

  private String words(Status status) {
    return switch (status.getCode()) {
      case DEADLINE_EXCEEDED -> "no answer in " + limit.toMillis() + " ms";
      case UNIMPLEMENTED -> "has no CRI of version runtime.v1";
      default -> {
        var cause = status.getCause();
        var why = cause == null ? status.getDescription() : cause.getMessage();
        yield status.getCode() + (why == null ? "" : ": " + why);
      }
    };
  }

  private @Nullable ContainerFacts container(
      RuntimeServiceGrpc.RuntimeServiceBlockingStub runtime, String id) throws IOException {
    var request = ContainerStatusRequest.newBuilder().setContainerId(id).setVerbose(true).build();
    try {
      var answer = runtime.containerStatus(request);
      var status = answer.getStatus();
      if (!status.getId().equals(id)) {
        return null;
      }
      return new ContainerFacts(
          id,
          pid(answer.getInfoMap()),
          status.getMetadata().getName(),
          image(runtime, status),
          KubernetesLabels.pod(status.getLabelsMap()),
          false,
          defaultContainer(runtime, id),
          status.getLabelsMap());
    } catch (StatusRuntimeException e) {
      if (isNotFound(e)) {
        return null;
      }
      throw e;
    }
  }

  private static @Nullable String defaultContainer(
      RuntimeServiceGrpc.RuntimeServiceBlockingStub runtime, String id) {
    var only = ListContainersRequest.newBuilder().setFilter(ContainerFilter.newBuilder().setId(id));
    for (var container : runtime.listContainers(only.build()).getContainersList()) {
      var sandbox = sandboxStatus(runtime, container.getPodSandboxId());
      return sandbox == null
          ? null
          : sandbox.getStatus().getAnnotationsMap().get(KubernetesLabels.DEFAULT_CONTAINER);
    }
    return null;
  }

  private static @Nullable PodSandboxStatusResponse sandboxStatus(
      RuntimeServiceGrpc.RuntimeServiceBlockingStub runtime, String id) {
    try {
      return runtime.podSandboxStatus(
          PodSandboxStatusRequest.newBuilder().setPodSandboxId(id).setVerbose(true).build());
    } catch (StatusRuntimeException e) {
      if (isNotFound(e)) {
        return null;
      }
      throw e;
    }
  }

  private static @Nullable ContainerFacts sandbox(
      RuntimeServiceGrpc.RuntimeServiceBlockingStub runtime, String id) throws IOException {
    var answer = sandboxStatus(runtime, id);
    if (answer == null || !answer.getStatus().getId().equals(id)) {
      return null;
    }
    var status = answer.getStatus();
    var named = status.getMetadata();
    return new ContainerFacts(
        id,
        pid(answer.getInfoMap()),
        "sandbox of " + named.getName(),
        null,
        new PodName(named.getNamespace(), named.getName()),
        true,
        status.getAnnotationsMap().get(KubernetesLabels.DEFAULT_CONTAINER),
        status.getLabelsMap());
  }

  private static boolean isNotFound(StatusRuntimeException e) {
    return e.getStatus().getCode() == Status.Code.NOT_FOUND;
  }

  private static int pid(Map<String, String> info) throws IOException {
    var text = info.get("info");
    if (text == null) {
      throw new IOException("answer without the pid of the container");
    }
    return RuntimeJson.integer(RuntimeJson.object(text), "pid");
  }

  private ContainerFacts.@Nullable Image image(
      RuntimeServiceGrpc.RuntimeServiceBlockingStub runtime, ContainerStatus status)
      throws IOException {
    var reference = status.getImageRef();
    var named = status.getImage().getImage();
    if (reference.contains("@")) {
      return Digests.image("", named, List.of(reference));
    }
    var asked =
        ImageServiceGrpc.newBlockingStub(channel())
            .withDeadline(runtime.getCallOptions().getDeadline())
            .imageStatus(
                ImageStatusRequest.newBuilder()
                    .setImage(ImageSpec.newBuilder().setImage(reference))
                    .build());
    return Digests.image(reference, named, asked.getImage().getRepoDigestsList());
  }

  @Override
  public synchronized void close() {
    closed = true;
    if (channel != null) {
      channel.shutdownNow();
    }
  }
}
