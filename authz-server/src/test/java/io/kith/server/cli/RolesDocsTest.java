package io.kith.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.ServerRole;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The configurations of docs/roles.md are read without a problem. */
class RolesDocsTest {
  private static final Pattern BLOCK = Pattern.compile("```yaml\n(.*?)```", Pattern.DOTALL);

  @Test
  void examples_areAccepted_oneOfEachRole() throws Exception {
    var roles = new ArrayList<ServerRole>();
    var page = Files.readString(Path.of("..", "docs", "roles.md"));
    for (var block = BLOCK.matcher(page); block.find(); ) {
      roles.add(KithConfig.parse("roles.md", block.group(1), Map.of()).server().role());
    }

    assertThat(roles)
        .containsExactly(ServerRole.ALL, ServerRole.CONTROL, ServerRole.CHECK, ServerRole.CHECK);
  }
}
