package io.kith.baselines.bundle;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.CompactEdges;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.yaml.Json;
import io.kith.baselines.yaml.JsonObject;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.Inflater;
import java.util.zip.InflaterInputStream;
import org.jspecify.annotations.Nullable;

/**
 * The edges of a revision as JSON, compressed: a twentieth of what they take as objects, and a
 * fraction of a millisecond to read. Only for memory: no two versions need read it.
 */
public final class PackedEdges extends CompactEdges {
  private static final Owner NOBODY = Owner.parse("nobody/packed/edges");
  private static final String ID = "id";
  private static final String EDGES = "edges";

  /** What most edges say as well, so that none has it in full. */
  private static final byte[] USUAL = Json.write(Map.of(EDGES, List.of(usual()))).getBytes(UTF_8);

  private final byte[] deflated;

  private PackedEdges(int size, byte[] deflated) {
    super(size);
    this.deflated = deflated;
  }

  /** The same revision with its edges packed. */
  public static Baseline pack(Baseline baseline) {
    var edges = baseline.edges();
    return edges.isEmpty() || edges instanceof CompactEdges
        ? baseline
        : new Baseline(
            baseline.revision(),
            baseline.owner(),
            baseline.parent(),
            new PackedEdges(
                edges.size(),
                deflate(Json.write(Map.of(EDGES, edges.stream().map(PackedEdges::map).toList())))));
  }

  private static Map<String, Object> usual() {
    return map(
        Edge.learned(
            new ProcessClass("/usr/bin/java", "java", null, List.of(), false),
            new DestinationPattern.Exact(
                "default/deployment/backend", Evidence.OWNER, 8_080, Protocol.TCP)));
  }

  /** Without an id that says nothing new: digits that cannot be compressed. */
  private static Map<String, Object> map(Edge edge) {
    var map = BaselineJson.map(edge);
    if (edge.id().equals(Edge.learned(edge.process(), edge.destination()).id())) {
      map.remove(ID);
    }
    return map;
  }

  @Override
  protected List<Edge> make() {
    // as a baseline of nobody, which shares what is equal
    return new Baseline("", NOBODY, null, read()).edges();
  }

  private List<Edge> read() {
    return Json.read(inflated()).objects(EDGES).stream().map(PackedEdges::edge).toList();
  }

  private static Edge edge(JsonObject json) {
    if (json.has(ID)) {
      return BaselineJson.edge(json);
    }
    var process = BaselineJson.process(json.object("process"));
    var destination = BaselineJson.destination(json.object("destination"));
    return BaselineJson.edge(json, Edge.learned(process, destination).id());
  }

  private static byte[] deflate(String text) {
    var deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
    deflater.setDictionary(USUAL);
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

  private String inflated() {
    var inflater = new Inflater(true);
    inflater.setDictionary(USUAL);
    try (var in = new InflaterInputStream(new ByteArrayInputStream(deflated), inflater)) {
      return new String(in.readAllBytes(), UTF_8);
    } catch (IOException e) {
      throw new IllegalStateException("what was packed cannot be read", e);
    } finally {
      inflater.end();
    }
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
