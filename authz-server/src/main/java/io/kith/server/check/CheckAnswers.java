package io.kith.server.check;

import io.envoyproxy.envoy.config.core.v3.HeaderValue;
import io.envoyproxy.envoy.config.core.v3.HeaderValueOption;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.envoyproxy.envoy.service.auth.v3.DeniedHttpResponse;
import io.envoyproxy.envoy.type.v3.HttpStatus;
import io.envoyproxy.envoy.type.v3.StatusCode;
import io.grpc.Status.Code;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.process.Quality;
import io.kith.server.check.AnswerWriter.Field;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Decisions in Envoy's words.
 *
 * <p>Every answer has a status: one without is read as permission. Its metadata goes to Envoy's
 * access log and spans; the application behind an HTTP denial gets the decision's id and nothing
 * else.
 */
final class CheckAnswers {
  private static final int OK = Code.OK.value();
  private static final int DENIED = Code.PERMISSION_DENIED.value();
  private static final int UNAVAILABLE = Code.UNAVAILABLE.value();

  private static final byte[] NOTHING = {};

  private static final AnswerWriter.Name DECISION = AnswerWriter.Name.of("decision");
  private static final Field ALLOWED = Field.of(DECISION, "allow");
  private static final Field REFUSED = Field.of(DECISION, "deny");
  private static final AnswerWriter.Name REASON = AnswerWriter.Name.of("reason");
  private static final AnswerWriter.Name EDGE = AnswerWriter.Name.of("edge");
  private static final Map<Strictness, Field> STRICTNESS =
      Field.words(AnswerWriter.Name.of("strictness"), Strictness.class);
  private static final AnswerWriter.Name DECISION_ID = AnswerWriter.Name.of("decision_id");
  private static final AnswerWriter.Name TRACE_ID = AnswerWriter.Name.of("trace_id");
  private static final Map<Mode, Field> MODE =
      Field.words(AnswerWriter.Name.of("mode"), Mode.class);
  private static final AnswerWriter.Name SHADOW = AnswerWriter.Name.of("shadow");
  private static final AnswerWriter.Name SHADOW_REASON = AnswerWriter.Name.of("shadow_reason");
  private static final AnswerWriter.Name RUNG = AnswerWriter.Name.of("rung");
  private static final Map<Quality, Field> QUALITY =
      Field.words(AnswerWriter.Name.of("quality"), Quality.class);
  private static final AnswerWriter.Name FINGERPRINT = AnswerWriter.Name.of("fingerprint");
  private static final AnswerWriter.Name WORKLOAD = AnswerWriter.Name.of("workload");

  /** For when even the making of an answer failed. */
  static final byte[] LAST_RESORT = new AnswerWriter().response(UNAVAILABLE, NOTHING);

  private CheckAnswers() {}

  /**
   * The answer.
   *
   * @param failure why Kith could not decide, or null
   * @param http the Check is about an HTTP request
   * @param passing what such a request is told when it passes, encoded
   * @param spared what needs no Check any more
   */
  static byte[] of(
      CheckRecord record, @Nullable Reason failure, boolean http, byte[] passing, Spared spared) {
    var answer = metadata(record, failure);
    spared.write(answer);
    return switch (record.decision().applied()) {
      case Allow _ -> answer.response(OK, http ? passing : NOTHING);
      case Deny(_, var reason) ->
          answer.response(
              isFailureOfKith(reason) ? UNAVAILABLE : DENIED,
              http ? denied(record.decisionId()) : NOTHING);
    };
  }

  private static boolean isFailureOfKith(Reason reason) {
    return reason instanceof Reason.Deadline
        || reason instanceof Reason.Internal
        || reason instanceof Reason.Overloaded;
  }

  private static byte[] denied(String decisionId) {
    return CheckResponse.newBuilder()
        .setDeniedResponse(
            DeniedHttpResponse.newBuilder()
                .setStatus(HttpStatus.newBuilder().setCode(StatusCode.Forbidden))
                .addHeaders(header("content-type", "application/json"))
                .addHeaders(header("x-kith-decision", decisionId))
                .setBody("{\"decision\":\"" + decisionId + "\"}"))
        .build()
        .toByteArray();
  }

  /** A header that replaces all of its name. */
  static HeaderValueOption header(String name, String value) {
    return HeaderValueOption.newBuilder()
        .setHeader(HeaderValue.newBuilder().setKey(name).setValue(value))
        .setAppendAction(HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD)
        .build();
  }

  private static AnswerWriter metadata(CheckRecord record, @Nullable Reason failure) {
    var decision = record.decision();
    var fields = new AnswerWriter();
    switch (decision.applied()) {
      case Deny(_, var reason) -> {
        fields.field(REFUSED);
        fields.field(REASON, reason.code());
      }
      case Allow(var edge) -> {
        fields.field(ALLOWED);
        fields.field(REASON, failure == null ? null : failure.code());
        if (edge != null) {
          fields.field(EDGE, edge.id());
          fields.field(STRICTNESS.get(edge.strictness()));
        }
      }
    }
    fields.field(DECISION_ID, record.decisionId());
    fields.field(TRACE_ID, record.traceId());
    fields.field(MODE.get(decision.mode()));
    var shadow = decision.shadow();
    if (shadow != null) {
      fields.field(SHADOW, shadow.word());
      if (shadow instanceof Deny(_, var reason)) {
        fields.field(SHADOW_REASON, reason.code());
      }
    }
    var flow = record.flow();
    if (flow != null) {
      fields.field(RUNG, flow.attribution().foundBy().letter());
    }
    var subject = decision.subject();
    if (subject != null) {
      fields.field(QUALITY.get(subject.quality()));
      fields.field(FINGERPRINT, subject.fingerprintId());
    }
    var workload = record.workload();
    if (workload != null) {
      fields.field(WORKLOAD, workload.owner().toString());
    }
    return fields;
  }
}
