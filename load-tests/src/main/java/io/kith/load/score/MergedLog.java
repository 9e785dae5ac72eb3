package io.kith.load.score;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/** Several labelled logs as one without labels, and the labels beside it in the same order. */
final class MergedLog {
  private static final ObjectMapper JSON = new ObjectMapper();

  private MergedLog() {}

  private record Head(ObjectNode flow, double time, int file) {}

  /** Writes the flows, by time, and returns their labels. */
  static List<Truth> write(List<Path> logs, Path to) throws IOException {
    var truths = new ArrayList<Truth>();
    var readers = new ArrayList<BufferedReader>();
    try (var out =
        new java.io.BufferedOutputStream(new GZIPOutputStream(Files.newOutputStream(to)))) {
      var heads =
          new PriorityQueue<Head>(
              Comparator.comparingDouble(Head::time).thenComparingInt(Head::file));
      for (var log : logs) {
        readers.add(open(log));
        push(heads, readers, readers.size() - 1);
      }
      while (!heads.isEmpty()) {
        var head = heads.remove();
        truths.add(Truth.of(head.flow));
        head.flow.remove(List.of("truth", "stream"));
        out.write(JSON.writeValueAsBytes(head.flow));
        out.write('\n');
        push(heads, readers, head.file);
      }
    } finally {
      for (var reader : readers) {
        reader.close();
      }
    }
    return truths;
  }

  static BufferedReader open(Path log) throws IOException {
    var in = Files.newInputStream(log);
    return new BufferedReader(
        new InputStreamReader(
            log.toString().endsWith(".gz") ? new GZIPInputStream(in, 1 << 16) : in,
            StandardCharsets.UTF_8));
  }

  private static void push(PriorityQueue<Head> heads, List<BufferedReader> readers, int file) {
    try {
      @Nullable String line = readers.get(file).readLine();
      if (line != null) {
        var flow = (ObjectNode) JSON.readTree(line);
        heads.add(new Head(flow, flow.path("t").asDouble(), file));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
