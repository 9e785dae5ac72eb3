package io.kith.server.replay;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.kith.baselines.replay.FlowRecord;
import io.kith.baselines.replay.ReplayVerdict;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Verdicts as JSON Lines, one per flow, in input order. The file is there once it is {@link
 * #complete}.
 */
final class VerdictWriter implements Closeable {
  private final WholeFile file;
  private final JsonGenerator json;

  private VerdictWriter(WholeFile file, JsonGenerator json) {
    this.file = file;
    this.json = json;
  }

  static VerdictWriter create(Path path) throws IOException {
    var file = WholeFile.create(path);
    return new VerdictWriter(
        file,
        new JsonFactory()
            .createGenerator(new BufferedOutputStream(file.out(), 1 << 16))
            .setRootValueSeparator(new com.fasterxml.jackson.core.io.SerializedString("\n")));
  }

  void write(long n, FlowRecord flow, ReplayVerdict verdict) throws IOException {
    try {
      json(n, flow, verdict);
    } catch (IOException e) {
      throw file.told(e);
    }
  }

  private void json(long n, FlowRecord flow, ReplayVerdict verdict) throws IOException {
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

  /** Ends it. */
  void complete() throws IOException {
    try {
      json.writeRaw('\n');
      json.close();
    } catch (IOException e) {
      throw file.told(e);
    }
    file.complete();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
