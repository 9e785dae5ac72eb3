package io.kith.server.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.reflection.v1.ServiceResponse;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** One stream of questions about what a server serves. */
final class Reflected implements StreamObserver<ServerReflectionResponse> {
  private final BlockingQueue<Object> answers = new LinkedBlockingQueue<>();
  private final StreamObserver<ServerReflectionRequest> questions;

  Reflected(Channel channel) {
    questions = ServerReflectionGrpc.newStub(channel).serverReflectionInfo(this);
  }

  /** The names of what is served. */
  List<String> services() throws InterruptedException {
    var answer = answer();
    assertThat(answer).isInstanceOf(ServerReflectionResponse.class);
    return ((ServerReflectionResponse) answer)
        .getListServicesResponse().getServiceList().stream().map(ServiceResponse::getName).toList();
  }

  /** Why the question is not answered. */
  Status refusal() throws InterruptedException {
    var answer = answer();
    assertThat(answer).isInstanceOf(Throwable.class);
    return Status.fromThrowable((Throwable) answer);
  }

  private Object answer() throws InterruptedException {
    questions.onNext(ServerReflectionRequest.newBuilder().setListServices("").build());
    var answer = answers.poll(60, TimeUnit.SECONDS);
    assertThat(answer).isNotNull();
    return answer;
  }

  @Override
  public void onNext(ServerReflectionResponse answer) {
    answers.add(answer);
  }

  @Override
  public void onError(Throwable thrown) {
    answers.add(thrown);
  }

  @Override
  public void onCompleted() {}
}
