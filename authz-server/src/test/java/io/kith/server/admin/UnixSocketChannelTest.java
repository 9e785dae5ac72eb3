package io.kith.server.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.DenyRequest;
import io.kith.admin.v1.DenyResponse;
import io.kith.admin.v1.Rule;
import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class UnixSocketChannelTest {
  private static final HexFormat HEX = HexFormat.of();

  @TempDir Path folder;

  /** Answers with the note a hundred times, refuses with it, or does neither. */
  private static final class Echo extends AdminServiceGrpc.AdminServiceImplBase {
    @Override
    public void deny(DenyRequest request, StreamObserver<DenyResponse> to) {
      if (request.getOwner().equals("refuse")) {
        to.onError(Status.NOT_FOUND.withDescription(request.getNote()).asRuntimeException());
        return;
      }
      if (request.getOwner().equals("silence")) {
        return;
      }
      to.onNext(
          DenyResponse.newBuilder()
              .setRule(Rule.newBuilder().setId(request.getNote().repeat(100)))
              .build());
      to.onCompleted();
    }
  }

  private AdminServer echo() throws IOException {
    return AdminServer.onUnixSocket(socket(), Map.of(), AdminServerTest.LIMITS, new Echo());
  }

  private Path socket() {
    return folder.resolve("admin.sock");
  }

  private static DenyRequest request(String owner, String note) {
    return DenyRequest.newBuilder().setOwner(owner).setNote(note).build();
  }

  private StatusRuntimeException failure() {
    return failure(30_000);
  }

  private StatusRuntimeException failure(int millis) {
    try (var client = AdminClient.toUnixSocket(socket(), "ada")) {
      var admin = client.service().withDeadlineAfter(millis, TimeUnit.MILLISECONDS);
      return catchThrowableOfType(
          StatusRuntimeException.class, () -> admin.deny(DenyRequest.getDefaultInstance()));
    }
  }

  /** What a server does with the one connection that it takes, before it hangs up. */
  @FunctionalInterface
  private interface Server {
    void serve(SocketChannel connection) throws IOException;
  }

  private StatusRuntimeException failureOf(Server server) throws Exception {
    try (var listening = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      var _ = listening.bind(UnixDomainSocketAddress.of(socket()));
      var served =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try (var connection = listening.accept()) {
                      server.serve(connection);
                    } catch (IOException e) {
                      throw new IllegalStateException(e);
                    }
                  });
      try {
        return failure(5_000);
      } finally {
        served.join();
      }
    }
  }

  /** Of one that says the bytes, and listens until its caller hangs up. */
  private StatusRuntimeException failureOf(byte[] said) throws Exception {
    return failureOf(
        connection -> {
          var _ = connection.write(ByteBuffer.wrap(said));
          var heard = ByteBuffer.allocate(1 << 16);
          while (connection.read(heard.clear()) >= 0) {}
        });
  }

  @Test
  void unary_anAnswerOfMegabytes_isWhole() throws Exception {
    var note = "ä".repeat(30_000);
    try (var _ = echo();
        var client = AdminClient.toUnixSocket(socket(), "ada")) {
      assertThat(client.service().deny(request("", note)).getRule().getId())
          .isEqualTo(note.repeat(100));
      assertThat(client.service().deny(request("", "")).getRule().getId()).isEmpty();
    }
  }

  @Test
  void unary_aRequestThatIsTooLargeToBeSentAtOnce_isMadeByGrpc() throws Exception {
    var note = "x".repeat(2_000_000);
    try (var _ = echo();
        var client = AdminClient.toUnixSocket(socket(), "ada")) {
      assertThat(client.service().deny(request("", note)).getRule().getId())
          .isEqualTo(note.repeat(100));
    }
  }

  @Test
  void unary_refused_hasTheServersWords() throws Exception {
    var words = "no größe + 50 % of 'x'\n→ " + "long ".repeat(300);
    try (var _ = echo();
        var client = AdminClient.toUnixSocket(socket(), "ada")) {
      var refused =
          catchThrowableOfType(
              StatusRuntimeException.class, () -> client.service().deny(request("refuse", words)));

      assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.NOT_FOUND);
      assertThat(refused.getStatus().getDescription()).isEqualTo(words);
    }
  }

  @Test
  void unary_theServerIsTooSlow_endsWithItsTime() throws Exception {
    try (var _ = echo();
        var client = AdminClient.toUnixSocket(socket(), "ada")) {
      var admin = client.service().withDeadlineAfter(300, TimeUnit.MILLISECONDS);

      var late =
          catchThrowableOfType(
              StatusRuntimeException.class, () -> admin.deny(request("silence", "")));

      assertThat(late.getStatus().getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
    }
  }

  @Test
  void unary_nobodyListens_isUnavailableWithItsCause() {
    var failure = failure();

    assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(failure.getStatus().getDescription()).isNull();
    assertThat(failure).hasCauseInstanceOf(IOException.class);
  }

  @Test
  void unary_thePathIsTooLong_isUnavailable() {
    try (var client = AdminClient.toUnixSocket(folder.resolve("x".repeat(120)), "ada")) {
      var failure =
          catchThrowableOfType(
              StatusRuntimeException.class,
              () -> client.service().deny(DenyRequest.getDefaultInstance()));

      assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    }
  }

  @Test
  void unary_theServerHangsUp_isUnavailable() throws Exception {
    var failure =
        failureOf(
            connection -> {
              var _ = connection.read(ByteBuffer.allocate(1 << 16));
            });

    assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(failure).hasCauseInstanceOf(EOFException.class);
  }

  @Test
  void unary_theCallIsEnded_saysTheCode() throws Exception {
    var failure = failureOf(HEX.parseHex("000000040000000000" + "00000403000000000100000007"));

    assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(failure.getStatus().getDescription()).isEqualTo("it ended the call with code 7");
  }

  @Test
  void unary_theServerIsGoingAway_saysSo() throws Exception {
    var failure = failureOf(HEX.parseHex("000008070000000000" + "00000000" + "00000002"));

    assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(failure.getStatus().getDescription())
        .isEqualTo("it takes no more calls, with code 2");
  }

  @Test
  void unary_theServerSpeaksAnotherProtocol_saysSo() throws Exception {
    var failure = failureOf("HTTP/1.1 400 Bad Request\r\n\r\n".getBytes(StandardCharsets.US_ASCII));

    assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(failure.getStatus().getDescription()).startsWith("it does not speak HTTP/2: ");
  }

  @Test
  void unary_theServerSpeaksNoGrpc_saysSo() throws Exception {
    var failure = failureOf(HEX.parseHex("000001010500000001" + "8d")); // :status 404

    assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(failure.getStatus().getDescription())
        .isEqualTo("it speaks no gRPC (status 404 of HTTP)");
  }

  @Test
  void unary_moreThanOneFrameOfHeaders_paddedAndWithPriority_isRead() throws Exception {
    var block = HeaderBlock.of(Map.of("grpc-status", "5", ":status", "200"));
    var said =
        ByteBuffer.allocate(200)
            .put(HEX.parseHex("0000080600000000000102030405060708")) // a ping
            .put(HEX.parseHex("00000b010900000001")) // ends the stream, padded, to be continued
            .put((byte) 2)
            .put(block, 0, 8)
            .put(new byte[2])
            .put(new byte[] {0, 0, (byte) (block.length - 8), 9, 4, 0, 0, 0, 1})
            .put(block, 8, block.length - 8);
    var bytes = new byte[said.flip().remaining()];
    said.get(bytes);

    assertThat(failureOf(bytes).getStatus().getCode()).isEqualTo(Status.Code.NOT_FOUND);
  }

  @Test
  void unary_noAnswer_endsWithItsTime() throws Exception {
    try (var listening = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      var _ = listening.bind(UnixDomainSocketAddress.of(socket())); // and accepts nobody

      assertThat(failure(200).getStatus().getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
    }
  }

  @Test
  void unary_interrupted_isCancelled() throws Exception {
    try (var listening = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      var _ = listening.bind(UnixDomainSocketAddress.of(socket()));

      Thread.currentThread().interrupt();
      var failure = failure();

      assertThat(Thread.interrupted()).isTrue();
      assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.CANCELLED);
    }
  }
}
