package io.kith.server.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import io.kith.bridge.v1.DnsAnswer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class StreamWriterTest {
  private final List<String> said = new ArrayList<>();

  /** Takes one message, and has no memory for the next. */
  private final StreamObserver<DnsAnswer> stream =
      new StreamObserver<>() {
        @Override
        public void onNext(DnsAnswer message) {
          if (message.getName().isEmpty()) {
            throw new OutOfMemoryError("Cannot reserve");
          }
          said.add(message.getName());
        }

        @Override
        public void onError(Throwable error) {
          said.add(Status.fromThrowable(error).getCode().name());
        }

        @Override
        public void onCompleted() {
          said.add("end");
        }
      };

  /** What came after it waited without a bound, and nobody heard of it. */
  @Test
  void write_thatFailsWithAnError_endsTheStreamAndTellsItsOwner() {
    var ended = new ArrayList<String>();
    var writer = new StreamWriter<>(stream, () -> true, ended::add);

    writer.write(DnsAnswer.newBuilder().setName("first").build());
    writer.write(DnsAnswer.getDefaultInstance());
    writer.write(DnsAnswer.newBuilder().setName("late").build());
    writer.end();

    assertThat(said).containsExactly("first", "INTERNAL");
    assertThat(ended)
        .containsExactly("a mistake inside: java.lang.OutOfMemoryError: Cannot reserve");
  }
}
