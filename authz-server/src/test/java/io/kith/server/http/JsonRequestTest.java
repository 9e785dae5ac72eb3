package io.kith.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Message;
import io.kith.admin.v1.AllowRequest;
import io.kith.admin.v1.ApproveRequest;
import io.kith.admin.v1.ImportRequest;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.admin.v1.SetModeRequest;
import io.kith.server.http.JsonRequest.RefusedException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonRequestTest {
  private static Message body(Message prototype, String json) throws RefusedException {
    return JsonRequest.read(prototype, Map.of(), Map.of(), json);
  }

  private static Message query(Map<String, List<String>> query) throws RefusedException {
    return JsonRequest.read(ListDecisionsRequest.getDefaultInstance(), Map.of(), query, null);
  }

  @Test
  void read_body_takesBothNamesOfAField_andFillsInThePath() throws Exception {
    var expected =
        AllowRequest.newBuilder()
            .setOwner("shop/deployment/checkout")
            .setDecisionId("d:1")
            .setNote("CHG-1")
            .setTtl(com.google.protobuf.Duration.newBuilder().setSeconds(3_600))
            .build();
    var path = Map.of("owner", "shop/deployment/checkout");
    for (var name : List.of("decision_id", "decisionId")) {
      assertThat(
              JsonRequest.read(
                  AllowRequest.getDefaultInstance(),
                  path,
                  Map.of(),
                  "{\"" + name + "\": \"d:1\", \"note\": \"CHG-1\", \"ttl\": \"3600s\"}"))
          .isEqualTo(expected);
    }
  }

  @Test
  void read_query_hasTextsNumbersAndTruth() throws Exception {
    assertThat(
            query(
                Map.of(
                    "owner", List.of("a/b/c"),
                    "denied_only", List.of("true"),
                    "limit", List.of("7"),
                    "since", List.of("3600s"))))
        .isEqualTo(
            ListDecisionsRequest.newBuilder()
                .setOwner("a/b/c")
                .setDeniedOnly(true)
                .setLimit(7)
                .setSince(com.google.protobuf.Duration.newBuilder().setSeconds(3_600))
                .build());
  }

  @Test
  void read_nothing_isTheDefault() throws Exception {
    assertThat(body(SetModeRequest.getDefaultInstance(), ""))
        .isEqualTo(SetModeRequest.getDefaultInstance());
    assertThat(query(Map.of())).isEqualTo(ListDecisionsRequest.getDefaultInstance());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"modes\": \"x\"}|\"modes\": unknown field (expected: one of scope, mode, note, revision)",
        "{\"scope\": 7, \"mode\": {}}|mode: {} (expected: a text)",
        "{\"scope\": [\"a\", \"b\"]}|scope: [\"a\",\"b\"] (expected: a text)",
        "[]|the body: [] (expected: a JSON object)",
        "7|the body: 7 (expected: a JSON object)",
        "{} {}|the body is not JSON: Use JsonReader.setStrictness(Strictness.LENIENT) to accept"
            + " malformed JSON at line 1 column 5 path $",
      })
  void read_bodyThatIsNotUnderstood_namesTheField(String json, String words) {
    assertThatThrownBy(() -> body(SetModeRequest.getDefaultInstance(), json))
        .isInstanceOf(RefusedException.class)
        .hasMessage(words);
  }

  @Test
  void read_nestedFields_areNamedWithTheirPath() {
    var approve = ApproveRequest.getDefaultInstance();

    assertThatThrownBy(() -> body(approve, "{\"approval\": {\"grants\": [\"a\", {}]}}"))
        .hasMessage("approval.grants[1]: {} (expected: a text)");
    assertThatThrownBy(() -> body(approve, "{\"approval\": {\"key\": \"a\"}}"))
        .hasMessage(
            "\"approval.key\": unknown field (expected: one of owner, grants, key_id, signature)");
    assertThatThrownBy(() -> body(approve, "{\"approval\": \"yes\"}"))
        .hasMessage("approval: \"yes\" (expected: an object)");
    assertThatThrownBy(() -> body(AllowRequest.getDefaultInstance(), "{\"ttl\": \"4h\"}"))
        .hasMessage("ttl: \"4h\" (expected: a duration such as \"3600s\")");
    assertThatThrownBy(() -> body(AllowRequest.getDefaultInstance(), "{\"until\": \"soon\"}"))
        .hasMessage("until: \"soon\" (expected: a time such as \"2026-11-26T12:00:00Z\")");
    assertThatThrownBy(() -> body(ImportRequest.getDefaultInstance(), "{\"as\": \"RULES\"}"))
        .hasMessage("as: \"RULES\" (expected: VOUCHER or POLICY)");
    assertThatThrownBy(() -> body(ImportRequest.getDefaultInstance(), "{\"bundle\": \"§\"}"))
        .hasMessage("bundle: \"§\" (expected: base64)");
    assertThatThrownBy(() -> body(ImportRequest.getDefaultInstance(), "{\"dry_run\": 1}"))
        .hasMessage("dry_run: 1 (expected: true or false)");
  }

  @Test
  void read_queryThatIsNotUnderstood_namesTheField() {
    assertThatThrownBy(() -> query(Map.of("denied", List.of("true"))))
        .hasMessage(
            "\"denied\": unknown field (expected: one of owner, denied_only, limit, id, reason,"
                + " since)");
    assertThatThrownBy(() -> query(Map.of("limit", List.of("-1"))))
        .hasMessage("limit: \"-1\" (expected: a whole number)");
    assertThatThrownBy(() -> query(Map.of("limit", List.of("1", "2"))))
        .hasMessage("limit: several times (expected: once)");
  }

  @Test
  void read_sameFieldInTwoPlaces_isRefused() {
    var path = Map.of("owner", "a/b/c");
    assertThatThrownBy(
            () ->
                JsonRequest.read(
                    AllowRequest.getDefaultInstance(), path, Map.of(), "{\"owner\": \"d/e/f\"}"))
        .hasMessage("owner: is in the path (expected: only there)");
    assertThatThrownBy(
            () ->
                JsonRequest.read(
                    SetModeRequest.getDefaultInstance(),
                    Map.of(),
                    Map.of("scope", List.of("*")),
                    "{}"))
        .hasMessage("the query is not read here (expected: every field in the body)");
  }

  /** What is deeply nested must cost an answer, not the stack. */
  @Test
  void read_deepNesting_isRefused() {
    assertThatThrownBy(
            () ->
                body(
                    SetModeRequest.getDefaultInstance(),
                    "{\"scope\":" + "[".repeat(1_000_000) + "]".repeat(1_000_000) + "}"))
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith("the body is not JSON: ");
  }
}
