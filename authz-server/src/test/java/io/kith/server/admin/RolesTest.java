package io.kith.server.admin;

import static io.kith.server.admin.AdminServerTest.LIMITS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.grpc.BindableService;
import io.grpc.InsecureChannelCredentials;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiators;
import io.grpc.stub.StreamObserver;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.GetStatusResponse;
import io.kith.admin.v1.ImportRequest;
import io.kith.admin.v1.RelearnRequest;
import io.kith.admin.v1.SetModeRequest;
import io.kith.admin.v1.SetModeResponse;
import io.kith.baselines.config.AdminRole;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Who may do what at the admin API. */
@Timeout(600)
class RolesTest {
  private static final int ADA = 4_711;

  @TempDir Path folder;

  private static Collection<MethodDescriptor<?, ?>> methods() {
    return AdminServiceGrpc.getServiceDescriptor().getMethods();
  }

  /** A new call has to be put beside a role, and into admin.proto with it. */
  @ParameterizedTest
  @MethodSource("methods")
  void everyCall_hasARole_asTheProtocolSays(MethodDescriptor<?, ?> method) throws Exception {
    assertThat(NeededRoles.knows(method)).as(method.getFullMethodName()).isTrue();

    var proto =
        Files.readString(
            Path.of("../identity-bridge/api/src/main/protobuf/kith/admin/v1/admin.proto"));
    var end = proto.indexOf("rpc " + method.getBareMethodName() + "(");
    var said = proto.lastIndexOf("Role: ", end);
    assertThat(proto.substring(said + 6, proto.indexOf('.', said)))
        .as(method.getFullMethodName())
        .isEqualTo(NeededRoles.of(method).word());
    assertThat(proto.substring(said, end)).as("its own comment").doesNotContain("rpc ");
  }

  @ParameterizedTest
  @CsvSource({"0, ADMIN", "1000, ADMIN", "4711, OPERATOR", "4712, VIEWER"})
  void onUnixSocket_roleIsThatOfTheUserId(int uid, AdminRole role) throws Exception {
    var caller = Caller.onUnixSocket(1_000, Map.of(ADA, AdminRole.OPERATOR, 0, AdminRole.VIEWER));

    assertThat(caller.of(SocketPeer.attributes(uid), new Metadata()).role()).isEqualTo(role);
  }

  @Test
  void onUnixSocket_kernelDidNotTell_isRefused() {
    var refused =
        catchThrowableOfType(
            StatusException.class,
            () -> Caller.onUnixSocket(0, Map.of()).of(io.grpc.Attributes.EMPTY, new Metadata()));

    assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.UNAUTHENTICATED);
  }

  /** Whose role would count, the user's or the token's? */
  @Test
  void onUnixSocket_token_isRefused() {
    var headers = new Metadata();
    headers.put(Caller.AUTHORIZATION, "Bearer x");

    var refused =
        catchThrowableOfType(
            StatusException.class,
            () -> Caller.onUnixSocket(0, Map.of()).of(SocketPeer.attributes(0), headers));

    assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.UNAUTHENTICATED);
    assertThat(refused.getStatus().getDescription()).startsWith("tokens are taken over TLS only");
  }

  @Test
  void overTcp_tokenWithoutTls_isRefused() {
    var headers = new Metadata();
    headers.put(Caller.AUTHORIZATION, "Bearer x");
    var caller = new TlsCaller(_ -> AdminRole.ADMIN, null, Clock.systemUTC());

    var refused =
        catchThrowableOfType(
            StatusException.class, () -> caller.of(io.grpc.Attributes.EMPTY, headers));

    assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.UNAUTHENTICATED);
    assertThat(refused.getStatus().getDescription()).isEqualTo("tokens are taken over TLS only");
  }

  /** Answers whatever is asked, and remembers who asked. */
  private static final class Open extends AdminServiceGrpc.AdminServiceImplBase {
    final List<String> callers = new ArrayList<>();

    @Override
    public void getStatus(GetStatusRequest request, StreamObserver<GetStatusResponse> caller) {
      callers.add(Caller.Interceptor.current());
      caller.onNext(GetStatusResponse.getDefaultInstance());
      caller.onCompleted();
    }

    @Override
    public void setMode(SetModeRequest request, StreamObserver<SetModeResponse> caller) {
      callers.add(Caller.Interceptor.current());
      caller.onNext(SetModeResponse.getDefaultInstance());
      caller.onCompleted();
    }
  }

  /** The service as somebody with a role sees it. */
  private static Status call(BindableService service, AdminRole role, Call call) throws Exception {
    try (var server =
            AdminServer.onTcp(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                InternalProtocolNegotiators.serverPlaintext(),
                AdminServer.Bounds.DEFAULT,
                (_, _) -> new Caller.Known("uid:7", "uid:7 as eve", role),
                LIMITS,
                service);
        var client =
            AdminClient.toTcp(
                "127.0.0.1", server.port(), InsecureChannelCredentials.create(), "eve")) {
      call.with(client.service());
      return Status.OK;
    } catch (StatusRuntimeException e) {
      return e.getStatus();
    }
  }

  private interface Call {
    void with(AdminServiceGrpc.AdminServiceBlockingStub admin);
  }

  @Test
  void call_withoutTheRole_isDeniedBeforeItIsHandled_andSaysWhichIsNeeded() throws Exception {
    var service = new Open();

    var denied =
        call(
            service, AdminRole.VIEWER, admin -> admin.setMode(SetModeRequest.getDefaultInstance()));

    assertThat(denied.getCode()).isEqualTo(Status.Code.PERMISSION_DENIED);
    assertThat(denied.getDescription())
        .isEqualTo(
            "uid:7 as eve is viewer, and SetMode needs the role operator (an admin gives it in"
                + " server.admin.roles)");
    assertThat(service.callers).isEmpty();
  }

  @Test
  void call_withTheRoleOrAHigherOne_isHandledUnderTheCallersName() throws Exception {
    var service = new Open();
    Call look = admin -> admin.getStatus(GetStatusRequest.getDefaultInstance());
    Call change = admin -> admin.setMode(SetModeRequest.getDefaultInstance());

    assertThat(call(service, AdminRole.VIEWER, look).isOk()).isTrue();
    assertThat(call(service, AdminRole.OPERATOR, change).isOk()).isTrue();
    assertThat(call(service, AdminRole.ADMIN, change).isOk()).isTrue();
    assertThat(service.callers).hasSize(3).containsOnly("uid:7 as eve");
    assertThat(
            call(
                    service,
                    AdminRole.OPERATOR,
                    admin -> admin.relearn(RelearnRequest.getDefaultInstance()))
                .getCode())
        .isEqualTo(Status.Code.PERMISSION_DENIED);
    assertThat(
            call(
                    service,
                    AdminRole.OPERATOR,
                    admin -> admin.import_(ImportRequest.getDefaultInstance()))
                .getCode())
        .isEqualTo(Status.Code.PERMISSION_DENIED);
  }

  // a real socket

  private static int uid() throws Exception {
    return (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
  }

  @Test
  void onUnixSocket_callerIsWhoTheKernelSays_andNothingIsLoggedAboutIt() throws Exception {
    var logged = new ArrayList<String>();
    var logger = Logger.getLogger("io.grpc.netty.shaded.io.netty");
    var handler =
        new Handler() {
          @Override
          public void publish(LogRecord record) {
            if (record.getLevel().intValue() >= java.util.logging.Level.WARNING.intValue()) {
              logged.add(record.getMessage());
            }
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    logger.addHandler(handler);
    var service = new Open();
    var socket = folder.resolve("admin.sock");
    try (var _ = AdminServer.onUnixSocket(socket, Map.of(), LIMITS, service);
        var client = AdminClient.toUnixSocket(socket, "ada")) {
      var _ = client.service().getStatus(GetStatusRequest.getDefaultInstance());
    } finally {
      logger.removeHandler(handler);
    }

    assertThat(service.callers).containsExactly("uid:" + uid() + " as ada");
    assertThat(logged).isEmpty();
  }

  @Test
  void onUnixSocket_othersHaveRoles_soTheyMayOpenTheSocket() throws Exception {
    var socket = folder.resolve("admin.sock");
    try (var _ =
        AdminServer.onUnixSocket(socket, Map.of(ADA, AdminRole.OPERATOR), LIMITS, new Open())) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
          .isEqualTo("rw-rw-rw-");
    }
  }
}
