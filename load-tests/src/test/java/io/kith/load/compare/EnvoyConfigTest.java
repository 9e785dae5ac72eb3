package io.kith.load.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class EnvoyConfigTest {
  private static String yaml(Authorizer authorizer, EnvoyShape shape) {
    return new EnvoyConfig(authorizer, shape, 7, 4_711).yaml(_ -> Path.of("/run/sds.sock"));
  }

  private static long count(String text, String part) {
    return text.lines().filter(line -> line.contains("name: envoy.filters." + part)).count();
  }

  @ParameterizedTest
  @EnumSource(EnvoyShape.class)
  void yaml_ofNoFilter_asksNobody(EnvoyShape shape) {
    var yaml = yaml(Authorizer.NONE, shape);

    assertThat(count(yaml, "network.ext_authz")).isZero();
    assertThat(count(yaml, "http.ext_authz")).isZero();
    assertThat(yaml).contains("tcp_proxy");
  }

  @ParameterizedTest
  @EnumSource(EnvoyShape.class)
  void yaml_ofRbac_hasItWhereKithIsAsked(EnvoyShape shape) {
    var kith = yaml(Authorizer.KITH, shape);

    var yaml = yaml(Authorizer.RBAC, shape);

    assertThat(count(kith, "network.ext_authz") + count(kith, "http.ext_authz")).isPositive();
    assertThat(count(yaml, "network.rbac")).isEqualTo(count(kith, "network.ext_authz"));
    assertThat(count(yaml, "http.rbac")).isEqualTo(count(kith, "http.ext_authz"));
    assertThat(count(yaml, "network.ext_authz") + count(yaml, "http.ext_authz")).isZero();
    assertThat(yaml).contains(Traffic.pod(7), Traffic.destination(0));
  }

  @Test
  void yaml_ofServers_isTheSameButForTls() {
    var kith = yaml(Authorizer.KITH, EnvoyShape.l7);

    assertThat(yaml(Authorizer.NULL_JAVA_DIRECT, EnvoyShape.l7)).isEqualTo(kith);
    assertThat(kith).contains("/run/sds.sock", "port_value: 4711");
    assertThat(yaml(Authorizer.OPA, EnvoyShape.l7))
        .doesNotContain("/run/sds.sock")
        .contains("port_value: 4711");
  }

  @Test
  void yaml_ofAPod_takesWhatIsRedirectedToItsOwnPort() {
    var yaml = yaml(Authorizer.KITH, EnvoyShape.l4);

    assertThat(yaml).doesNotContain("15001").contains("port_value: 15008");
  }
}
