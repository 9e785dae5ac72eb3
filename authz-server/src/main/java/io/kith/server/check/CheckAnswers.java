package io.kith.server.check;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.rpc.Status;
import io.envoyproxy.envoy.config.core.v3.HeaderValue;
import io.envoyproxy.envoy.config.core.v3.HeaderValueOption;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.envoyproxy.envoy.service.auth.v3.DeniedHttpResponse;
import io.envoyproxy.envoy.service.auth.v3.OkHttpResponse;
import io.envoyproxy.envoy.type.v3.HttpStatus;
import io.envoyproxy.envoy.type.v3.StatusCode;
import io.grpc.Status.Code;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Decisions in Envoy's words.
 *
 * <p>Every answer has a status: one without is read as permission. Its metadata goes to Envoy's
 * access log and spans; the application behind an HTTP denial gets the decision's id and nothing
 * else.
 */
final class CheckAnswers {
  private static final Status OK = status(Code.OK);
  private static final Status DENIED = status(Code.PERMISSION_DENIED);
  private static final Status UNAVAILABLE = status(Code.UNAVAILABLE);

  /** For when even the making of an answer failed. */
  static final CheckResponse LAST_RESORT =
      CheckResponse.newBuilder().setStatus(UNAVAILABLE).build();

  private CheckAnswers() {}

  /**
   * The answer.
   *
   * @param failure why Kith could not decide, or null
   * @param http the Check is about an HTTP request
   */
  static CheckResponse of(CheckRecord record, @Nullable Reason failure, boolean http) {
    var response = CheckResponse.newBuilder().setDynamicMetadata(metadata(record, failure));
    switch (record.decision().applied()) {
      case Allow _ -> {
        response.setStatus(OK);
        if (http) {
          response.setOkResponse(OkHttpResponse.getDefaultInstance());
        }
      }
      case Deny(_, var reason) -> {
        response.setStatus(isFailureOfKith(reason) ? UNAVAILABLE : DENIED);
        if (http) {
          response.setDeniedResponse(denied(record.decisionId()));
        }
      }
    }
    return response.build();
  }

  private static boolean isFailureOfKith(Reason reason) {
    return reason instanceof Reason.Deadline
        || reason instanceof Reason.Internal
        || reason instanceof Reason.Overloaded;
  }

  private static DeniedHttpResponse denied(String decisionId) {
    return DeniedHttpResponse.newBuilder()
        .setStatus(HttpStatus.newBuilder().setCode(StatusCode.Forbidden))
        .addHeaders(header("content-type", "application/json"))
        .addHeaders(header("x-kith-decision", decisionId))
        .setBody("{\"decision\":\"" + decisionId + "\"}")
        .build();
  }

  private static HeaderValueOption header(String name, String value) {
    return HeaderValueOption.newBuilder()
        .setHeader(HeaderValue.newBuilder().setKey(name).setValue(value))
        .setAppendAction(HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD)
        .build();
  }

  private static Struct metadata(CheckRecord record, @Nullable Reason failure) {
    var decision = record.decision();
    var fields = new Fields();
    fields.put("decision", decision.applied().word());
    switch (decision.applied()) {
      case Deny(_, var reason) -> fields.put("reason", reason.code());
      case Allow(var edge) -> {
        fields.put("reason", failure == null ? null : failure.code());
        if (edge != null) {
          fields.put("edge", edge.id());
          fields.put("strictness", word(edge.strictness()));
        }
      }
    }
    fields.put("decision_id", record.decisionId());
    fields.put("trace_id", record.traceId());
    fields.put("mode", decision.mode().word());
    var shadow = decision.shadow();
    if (shadow != null) {
      fields.put("shadow", shadow.word());
      if (shadow instanceof Deny(_, var reason)) {
        fields.put("shadow_reason", reason.code());
      }
    }
    var flow = record.flow();
    if (flow != null) {
      fields.put("rung", flow.attribution().foundBy().letter());
    }
    var subject = decision.subject();
    if (subject != null) {
      fields.put("quality", word(subject.quality()));
      fields.put("fingerprint", subject.fingerprintId());
    }
    var workload = record.workload();
    if (workload != null) {
      fields.put("workload", workload.owner().toString());
    }
    return fields.struct.build();
  }

  private static final class Fields {
    private final Struct.Builder struct = Struct.newBuilder();

    void put(String name, @Nullable String value) {
      if (value != null) {
        struct.putFields(name, Value.newBuilder().setStringValue(value).build());
      }
    }
  }

  private static String word(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  private static Status status(Code code) {
    return Status.newBuilder().setCode(code.value()).build();
  }
}
