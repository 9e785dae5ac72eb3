package io.kith.baselines.bundle;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.CompactEdges;
import io.kith.baselines.edge.Edge;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.Inflater;
import java.util.zip.InflaterInputStream;
import org.jspecify.annotations.Nullable;

/**
 * The edges of a revision as its {@link BaselineJson}, compressed: a tenth of what they take as
 * objects, and a fraction of a millisecond to read.
 */
public final class PackedEdges extends CompactEdges {
  private final byte[] deflated;

  private PackedEdges(int size, byte[] deflated) {
    super(size);
    this.deflated = deflated;
  }

  /**
   * The same revision with its edges packed.
   *
   * @param text what {@link BaselineJson#write(Baseline)} wrote of it
   */
  public static Baseline pack(Baseline baseline, String text) {
    var edges = baseline.edges();
    return edges.isEmpty() || edges instanceof CompactEdges
        ? baseline
        : new Baseline(
            baseline.revision(),
            baseline.owner(),
            baseline.parent(),
            new PackedEdges(edges.size(), deflate(text)));
  }

  /** What {@link BaselineJson} writes of a revision, whether packed or not. */
  public static String textOf(Baseline baseline) {
    return baseline.edges() instanceof PackedEdges packed
        ? packed.text()
        : BaselineJson.write(baseline);
  }

  private static byte[] deflate(String text) {
    var deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
    var bytes = new ByteArrayOutputStream(1_024);
    try (var out = new DeflaterOutputStream(bytes, deflater)) {
      out.write(text.getBytes(UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e); // memory does not fail
    } finally {
      deflater.end();
    }
    return bytes.toByteArray();
  }

  private String text() {
    var inflater = new Inflater(true);
    try (var in = new InflaterInputStream(new ByteArrayInputStream(deflated), inflater)) {
      return new String(in.readAllBytes(), UTF_8);
    } catch (IOException e) {
      throw new IllegalStateException("what was packed cannot be read", e);
    } finally {
      inflater.end();
    }
  }

  @Override
  protected List<Edge> make() {
    return BaselineJson.read(text()).edges();
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return (other instanceof PackedEdges that && Arrays.equals(deflated, that.deflated))
        || super.equals(other);
  }

  @Override
  public int hashCode() {
    return super.hashCode();
  }
}
