package io.kith.server.kubernetes.resource;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.server.kubernetes.resource.Condition.Reason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ConditionTest {
  @Test
  void reason_whyNot_isInTheDocs() throws IOException {
    var page = Files.readString(Path.of("../docs/custom-resources.md"));

    var whyNot = Arrays.stream(Reason.values()).filter(reason -> !reason.holds()).toList();

    assertThat(whyNot).allSatisfy(reason -> assertThat(page).contains("`" + reason.word() + "`"));
  }
}
