package io.kith.server.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import io.opentelemetry.api.common.AttributeKey;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ServerResourceTest {
  private static String attribute(String name, long pid, Map<String, String> environment) {
    return String.valueOf(
        ServerResource.of("1", "node-1", pid, environment)
            .getAttribute(AttributeKey.stringKey(name)));
  }

  @ParameterizedTest
  @CsvSource({"1,node-1", "2,node-1-2", "4711,node-1-4711"})
  void instance_isTheHostsName_andTheProcessWhereItIsNotAlone(long pid, String instance) {
    assertThat(attribute("service.instance.id", pid, Map.of())).isEqualTo(instance);
  }

  @Test
  void serviceName_winsOverTheOneAmongTheAttributes() {
    var both =
        Map.of("OTEL_RESOURCE_ATTRIBUTES", "service.name=a, b = c ,", "OTEL_SERVICE_NAME", "d");

    assertThat(attribute("service.name", 1, both)).isEqualTo("d");
    assertThat(attribute("b", 1, both)).isEqualTo("c");
  }

  @ParameterizedTest
  @ValueSource(strings = {"service.name=a,b", "service.name=a,=b", "service.name=a,b=%zz"})
  void attributes_thatAreDamaged_areLeftOutAllOfThem(String damaged) {
    var environment = Map.of("OTEL_RESOURCE_ATTRIBUTES", damaged);

    assertThat(attribute("service.name", 1, environment)).isEqualTo("kith-authz-server");
  }
}
