package io.kith.bridge.stream;

import com.google.protobuf.ByteString;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.bridge.ffm.BootClock;
import io.kith.bridge.ffm.Tuple;
import io.kith.bridge.v1.Answer;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.Candidate;
import io.kith.bridge.v1.EntryKind;
import io.kith.bridge.v1.Fingerprint;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.IdentitySource;
import io.kith.bridge.v1.NodeStatus;
import io.kith.bridge.v1.Opener;
import io.kith.bridge.v1.OpenerTable;
import io.kith.bridge.v1.Origin;
import io.kith.bridge.v1.Pod;
import io.kith.bridge.v1.PodUpdate;
import io.kith.bridge.v1.ProcessKey;
import io.kith.bridge.v1.Quality;
import io.kith.bridge.v1.Query;
import io.kith.bridge.v1.Rung;
import io.kith.bridge.v1.Script;
import io.kith.bridge.v1.Unasked;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The domain's words as messages of {@code bridge.proto}. */
final class Messages {
  static final int PROTOCOL_VERSION = 1;
  private static final int MAX_REASONS = 8;
  private static final int MAX_PATIENCE_MILLIS = 10_000;

  private Messages() {}

  static BridgeMessage hello(String node, String version) {
    return BridgeMessage.newBuilder()
        .setHello(
            Hello.newBuilder()
                .setProtocolVersion(PROTOCOL_VERSION)
                .setNode(node)
                .setBridgeVersion(version)
                .setSaysRevocationDone(true))
        .build();
  }

  static BridgeMessage pods(List<NodeView.Pod> pods) {
    var update = PodUpdate.newBuilder();
    for (var pod : pods) {
      var message = Pod.newBuilder().setId(pod.id()).setIdentitySource(source(pod.source()));
      pod.addresses().stream()
          .map(address -> ByteString.copyFrom(address.bytes()))
          .forEach(message::addAddresses);
      pod.ids().stream().sorted().map(SpiffeId::toString).forEach(message::addSpiffeIds);
      if (pod.started() != null) {
        message.setStartedUnixMillis(pod.started().toEpochMilli());
      }
      if (pod.imageDigest() != null) {
        message.setImageDigest(pod.imageDigest());
      }
      update.addPods(message);
    }
    return BridgeMessage.newBuilder().setPodUpdate(update).build();
  }

  private static IdentitySource source(NodeView.IdentitySource source) {
    return switch (source) {
      case NONE -> IdentitySource.IDENTITY_SOURCE_NONE;
      case DEV_UNATTESTED -> IdentitySource.IDENTITY_SOURCE_DEV_UNATTESTED;
      case SPIRE_DELEGATED -> IdentitySource.IDENTITY_SOURCE_SPIRE_DELEGATED;
      case SPIRE_BROKER -> IdentitySource.IDENTITY_SOURCE_SPIRE_BROKER;
    };
  }

  static BridgeMessage status(NodeView.Status status) {
    return BridgeMessage.newBuilder()
        .setNodeStatus(
            NodeStatus.newBuilder()
                .setRung(rung(status.rung()))
                .addAllProblems(status.problems())
                .setCanaryOk(status.canaryOk())
                .setConnectsSeen(status.connectsSeen())
                .setEntriesCapacity(status.capacity())
                .setContainersDescribed(status.containers().described())
                .setContainersNotDescribed(status.containers().notDescribed())
                .setRuntimeFailures(status.containers().failures())
                .setRuntimeContradictions(status.containers().contradictions())
                .setGuardOk(status.guard().isEmpty())
                .setGuardProblem(status.guard()))
        .build();
  }

  /**
   * Reads a question.
   *
   * @throws IllegalArgumentException when an address or port is missing or wrong
   */
  static NodeView.Question question(Query query) {
    var protocol =
        switch (query.getProtocol()) {
          case PROTOCOL_TCP -> Protocol.TCP;
          case PROTOCOL_UDP -> Protocol.UDP;
          case PROTOCOL_UNSPECIFIED, UNRECOGNIZED ->
              throw new IllegalArgumentException("protocol: not given (expected: TCP or UDP)");
        };
    return new NodeView.Question(
        protocol,
        IpAddress.of(query.getSourceAddress().toByteArray()),
        port(query.getSourcePort()),
        IpAddress.of(query.getDestinationAddress().toByteArray()),
        port(query.getDestinationPort()),
        Duration.ofMillis(Math.clamp(query.getTimeoutMillis(), 1, MAX_PATIENCE_MILLIS)));
  }

  private static int port(int port) {
    if (port < 1 || port > 65_535) {
      throw new IllegalArgumentException(
          "port: " + Integer.toUnsignedString(port) + " (expected: 1 to 65535)");
    }
    return port;
  }

  static BridgeMessage answer(long queryId, NodeView.Answer answer) {
    var message =
        Answer.newBuilder()
            .setQueryId(queryId)
            .setRung(rung(answer.rung()))
            .setOriginalSourcePort(answer.sourcePort())
            .addAllReasons(answer.reasons().stream().distinct().limit(MAX_REASONS).toList());
    var opener = answer.opener();
    if (opener != null) {
      message.setOpener(
          Opener.newBuilder().setNumber(opener.number()).setNetwork(opener.network()));
    }
    for (var candidate : answer.candidates()) {
      message.addCandidates(
          Candidate.newBuilder()
              .setFingerprintId(candidate.fingerprintId())
              .setQuality(quality(candidate.quality()))
              .setProcess(
                  ProcessKey.newBuilder()
                      .setPid(candidate.process().pid())
                      .setStartNanos(candidate.process().startNanos())
                      .setExecGeneration(candidate.process().execId()))
              .addAllSpiffeIds(texts(candidate.ids()))
              .setIdentitySource(source(candidate.source())));
    }
    return BridgeMessage.newBuilder().setAnswer(message).build();
  }

  /**
   * Says where openers are noted.
   *
   * @param table null: nowhere any more
   */
  static BridgeMessage openers(NodeView.@Nullable OpenerTable table) {
    var message = OpenerTable.newBuilder();
    if (table != null) {
      message.setMapId(table.map()).setWords(table.words()).setSeed(table.seed());
      message.setBootNanosAhead(BootClock.nanos() - System.nanoTime());
    }
    return BridgeMessage.newBuilder().setOpenerTable(message).build();
  }

  /** Reads which connections were not asked about; what is no connection is left out. */
  static List<Tuple> unasked(Unasked unasked) {
    var seen = new ArrayList<Tuple>();
    for (var connection : unasked.getConnectionsList()) {
      try {
        seen.add(
            new Tuple(
                IpAddress.of(connection.getSourceAddress().toByteArray()),
                port(connection.getSourcePort()),
                IpAddress.of(connection.getDestinationAddress().toByteArray()),
                port(connection.getDestinationPort())));
      } catch (IllegalArgumentException _) {
        // nothing is done for it
      }
    }
    return seen;
  }

  private static List<String> texts(Set<SpiffeId> ids) {
    return ids.stream().sorted().map(SpiffeId::toString).toList();
  }

  static BridgeMessage fingerprint(String id, ProcessFingerprint fingerprint) {
    var message =
        Fingerprint.newBuilder()
            .setId(id)
            .setPath(fingerprint.path())
            .setOrigin(origin(fingerprint.origin()))
            .setUid(fingerprint.uid())
            .setEntryKind(kind(fingerprint.entryKind()))
            .setProgram(fingerprint.program())
            .addAllLineage(fingerprint.lineage())
            .addAllInjectedMappings(fingerprint.injectedMappings())
            .setExecSession(fingerprint.execSession());
    if (fingerprint.sha256() != null) {
      message.setSha256(fingerprint.sha256());
    }
    if (fingerprint.container() != null) {
      message.setContainer(fingerprint.container());
    }
    if (fingerprint.imageDigest() != null) {
      message.setImageDigest(fingerprint.imageDigest());
    }
    if (fingerprint.script() != null) {
      message.setScript(script(fingerprint.script()));
    }
    return BridgeMessage.newBuilder().setFingerprint(message).build();
  }

  private static Script script(io.kith.baselines.process.Script script) {
    var message =
        Script.newBuilder()
            .setPath(script.path())
            .setOrigin(origin(script.origin()))
            .setClaimed(script.claimed());
    if (script.sha256() != null) {
      message.setSha256(script.sha256());
    }
    return message.build();
  }

  static Origin origin(io.kith.baselines.process.Origin origin) {
    return switch (origin) {
      case IMAGE -> Origin.ORIGIN_IMAGE;
      case WRITABLE_LAYER -> Origin.ORIGIN_WRITABLE_LAYER;
      case MOUNT -> Origin.ORIGIN_MOUNT;
      case MEMFD -> Origin.ORIGIN_MEMFD;
      case DELETED -> Origin.ORIGIN_DELETED;
      case HOST -> Origin.ORIGIN_HOST;
      case UNKNOWN -> Origin.ORIGIN_UNSPECIFIED;
    };
  }

  static EntryKind kind(io.kith.baselines.process.EntryKind kind) {
    return switch (kind) {
      case NATIVE -> EntryKind.ENTRY_KIND_NATIVE;
      case SCRIPT -> EntryKind.ENTRY_KIND_SCRIPT;
      case JVM_MAIN -> EntryKind.ENTRY_KIND_JVM_MAIN;
      case MODULE -> EntryKind.ENTRY_KIND_MODULE;
      case INLINE -> EntryKind.ENTRY_KIND_INLINE;
      case UNKNOWN -> EntryKind.ENTRY_KIND_UNSPECIFIED;
    };
  }

  static Rung rung(io.kith.baselines.process.Rung rung) {
    return switch (rung) {
      case NONE -> Rung.RUNG_UNSPECIFIED;
      case WORKLOAD_ONLY -> Rung.RUNG_WORKLOAD_ONLY;
      case DIAG -> Rung.RUNG_DIAG;
      case KERNEL_PID -> Rung.RUNG_KERNEL_PID;
      case KERNEL_EXACT -> Rung.RUNG_KERNEL_EXACT;
      case KERNEL_EXACT_SENDER -> Rung.RUNG_KERNEL_EXACT_SENDER;
    };
  }

  private static Quality quality(io.kith.baselines.process.Quality quality) {
    return switch (quality) {
      case UNKNOWN -> Quality.QUALITY_UNSPECIFIED;
      case PRE_EXISTING -> Quality.QUALITY_PRE_EXISTING;
      case HOLDER -> Quality.QUALITY_HOLDER;
      case IMAGE_UNVERIFIED -> Quality.QUALITY_IMAGE_UNVERIFIED;
      case EXACT_SHARED -> Quality.QUALITY_EXACT_SHARED;
      case EXACT -> Quality.QUALITY_EXACT;
    };
  }
}
