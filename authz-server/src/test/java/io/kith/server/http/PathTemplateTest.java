package io.kith.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PathTemplateTest {
  private static final PathTemplate PROPOSE =
      PathTemplate.parse("/v1/workloads/{owner=*/*/*}:propose");
  private static final PathTemplate REVISION =
      PathTemplate.parse("/v1/workloads/{owner=*/*/*}/revisions/{revision}");

  @Test
  void match_ownWorkload_hasItsParts() {
    assertThat(PROPOSE.match("/v1/workloads/shop/deployment/checkout:propose"))
        .isEqualTo(Map.of("owner", "shop/deployment/checkout"));
    assertThat(REVISION.match("/v1/workloads/a/b/c/revisions/bl:0123"))
        .isEqualTo(Map.of("owner", "a/b/c", "revision", "bl:0123"));
    assertThat(REVISION.variables()).containsExactly("owner", "revision");
  }

  @Test
  void match_percentSigns_areDecodedOnce_andPlusIsPlus() {
    assertThat(REVISION.match("/v1/workloads/a/b/c/revisions/x%2Fy%20z%2525+"))
        .isEqualTo(Map.of("owner", "a/b/c", "revision", "x/y z%25+"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/v1/workloads/a/b/c",
        "/v1/workloads/a/b:propose",
        "/v1/workloads/a/b/c/d:propose",
        "/v1/workloads/a//c:propose",
        "/v1/workloads/a/b/c:propose/",
        "/v1/workloads/a/b/c:approve",
        "/V1/workloads/a/b/c:propose",
        "/v1/workloads/a%2Fb/c/d:propose",
        "/v1/workloads/a/b/%zz:propose",
        "/x/v1/workloads/a/b/c:propose",
      })
  void match_anotherPath_isNone(String path) {
    assertThat(PROPOSE.match(path)).isNull();
  }

  @ParameterizedTest
  @ValueSource(strings = {"/v1/**", "/v1/{owner=**}", "/v1/{Owner}", "/v1/{a.b}", "/v1/{x"})
  void parse_formsThatAreNotKnown_areRefused(String template) {
    assertThatThrownBy(() -> PathTemplate.parse(template))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("(expected: literals and {field=*/*})");
  }
}
