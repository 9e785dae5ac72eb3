package io.kith.server.admin;

import static io.kith.server.admin.AdminServerTest.LIMITS;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.GsonBuilder;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.baselines.yaml.YamlText;
import io.kith.server.http.RawHttp;
import io.swagger.v3.oas.models.Operation;
import io.swagger.v3.oas.models.PathItem;
import io.swagger.v3.parser.OpenAPIV3Parser;
import io.swagger.v3.parser.core.models.ParseOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * docs/openapi.yaml and what is served as /openapi.json are what {@code admin.proto} says. They
 * change only by {@code -Dkith.goldens=refresh}.
 */
@Timeout(600)
class OpenApiTest {
  /** Written by the build of identity-bridge/api. */
  private static final Path DESCRIPTORS = Path.of("../identity-bridge/api/target/kith-api.desc");

  private static final Path YAML = Path.of("../docs/openapi.yaml");
  private static final Path JSON = Path.of("src/main/resources/io/kith/server/admin/openapi.json");

  private static String golden(Path file, String made) throws IOException {
    if ("refresh".equals(System.getProperty("kith.goldens"))) {
      Files.createDirectories(file.getParent());
      Files.writeString(file, made);
    }
    return Files.readString(file);
  }

  @Test
  void documents_areWhatTheProtocolSays() throws Exception {
    var document = OpenApiDocument.of(DESCRIPTORS);
    var yaml =
        YamlText.write(
            List.of("Made of admin.proto by OpenApiTest; refresh with -Dkith.goldens=refresh."),
            List.of(document));
    var json = new GsonBuilder().disableHtmlEscaping().create().toJson(document) + "\n";

    assertThat(yaml).as("review the difference").isEqualTo(golden(YAML, yaml));
    assertThat(json).as("review the difference").isEqualTo(golden(JSON, json));
  }

  /** As the tools of those who use it do. */
  @Test
  void documents_areReadByAParser_withoutAComplaint() throws Exception {
    var options = new ParseOptions();
    options.setResolve(true);
    options.setValidateInternalRefs(true);
    for (var file : List.of(YAML, JSON)) {
      var read = new OpenAPIV3Parser().readContents(Files.readString(file), List.of(), options);

      assertThat(read.getMessages()).as(file.toString()).isEmpty();
      var operations =
          read.getOpenAPI().getPaths().values().stream()
              .map(PathItem::readOperations)
              .flatMap(List::stream)
              .toList();
      assertThat(operations)
          .extracting(Operation::getOperationId)
          .doesNotHaveDuplicates()
          .hasSameSizeAs(AdminServiceGrpc.getServiceDescriptor().getMethods());
      assertThat(operations)
          .allSatisfy(operation -> assertThat(operation.getDescription()).isNotBlank());
      assertThat(read.getOpenAPI().getComponents().getSchemas()).containsKeys("Edge", "Status");
    }
  }

  @Test
  void openApi_isServedToEverybodyWhoMayConnect(@TempDir Path folder) throws Exception {
    var socket = folder.resolve("http.sock");
    try (var _ =
            AdminHttp.onUnixSocket(
                socket, Map.of(), LIMITS, new AdminServiceGrpc.AdminServiceImplBase() {});
        var http = RawHttp.connect(socket)) {
      var answer = http.get("/openapi.json");

      assertThat(answer.status()).isEqualTo(200);
      assertThat(answer.headers()).containsEntry("content-type", "application/json");
      assertThat(answer.body()).isEqualTo(Files.readString(JSON));
    }
  }
}
