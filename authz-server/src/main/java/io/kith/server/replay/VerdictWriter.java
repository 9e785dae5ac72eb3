package io.kith.server.replay;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.kith.baselines.replay.FlowRecord;
import io.kith.baselines.replay.ReplayVerdict;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Verdicts as JSON Lines, one per flow, in input order. */
final class VerdictWriter implements Closeable {
  private final JsonGenerator json;

  private VerdictWriter(JsonGenerator json) {
    this.json = json;
  }

  static VerdictWriter create(Path file) throws IOException {
    var out = new BufferedOutputStream(Files.newOutputStream(file), 1 << 16);
    return new VerdictWriter(
        new JsonFactory()
            .createGenerator(out)
            .setRootValueSeparator(new com.fasterxml.jackson.core.io.SerializedString("\n")));
  }

  void write(long n, FlowRecord flow, ReplayVerdict verdict) throws IOException {
    json.writeStartObject();
    json.writeNumberField("n", n);
    json.writeFieldName("t");
    json.writeNumber(
        new java.math.BigDecimal(flow.time())
            .setScale(6, java.math.RoundingMode.HALF_EVEN)
            .stripTrailingZeros()
            .toPlainString());
    json.writeStringField("mode", verdict.enforced() ? "enforce" : "observe");
    json.writeStringField("verdict", verdict.allowed() ? "allow" : "deny");
    field("reason", verdict.reason());
    json.writeBooleanField("flagged", verdict.flagged());
    field("edge", verdict.edge());
    field("review", verdict.review());
    json.writeEndObject();
  }

  private void field(String name, @Nullable String value) throws IOException {
    if (value == null) {
      json.writeNullField(name);
    } else {
      json.writeStringField(name, value);
    }
  }

  @Override
  public void close() throws IOException {
    json.writeRaw('\n');
    json.close();
  }
}
