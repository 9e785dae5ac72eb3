package io.kith.server.replay;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * The records of several files in the order of their times; of equal times the first file's.
 *
 * <p>Holds one record of each file. A file that is not sorted is read in its own order.
 *
 * @param <T> a record
 */
final class Source<T> implements Closeable {
  private final List<JsonLines<T>> files = new ArrayList<>();
  private final List<@Nullable T> heads = new ArrayList<>();
  private final List<String> places = new ArrayList<>();
  private String taken = "";
  private final ToDoubleFunction<T> time;
  private final Complaints complaints;

  Source(
      List<Path> paths, JsonLines.Reader<T> reader, ToDoubleFunction<T> time, Complaints complaints)
      throws IOException, MalformedLineException {
    this.time = time;
    this.complaints = complaints;
    for (var path : paths) {
      files.add(JsonLines.open(path, reader));
      heads.add(null);
      places.add("");
      advance(files.size() - 1);
    }
  }

  private void advance(int file) throws IOException, MalformedLineException {
    while (true) {
      try {
        heads.set(file, files.get(file).next());
        places.set(file, files.get(file).place());
        return;
      } catch (MalformedLineException e) {
        complaints.add(e);
      }
    }
  }

  /** The next record without taking it, or null at the end. */
  @Nullable T peek() {
    var first = first();
    return first < 0 ? null : heads.get(first);
  }

  /** When the next record is, or positive infinity at the end. */
  double peekTime() {
    var head = peek();
    return head == null ? Double.POSITIVE_INFINITY : time.applyAsDouble(head);
  }

  /** Takes the next record, or null at the end. */
  @Nullable T next() throws IOException, MalformedLineException {
    var first = first();
    if (first < 0) {
      return null;
    }
    var record = heads.get(first);
    taken = places.get(first);
    advance(first);
    return record;
  }

  /** How much of the files was read, 0 to 1; NaN when it is not known. */
  double done() {
    var read = 0L;
    var size = 0L;
    for (var file : files) {
      read += file.read();
      size += file.size();
    }
    return size == 0 ? Double.NaN : Math.min(1, read / (double) size);
  }

  /** File and line of the record that was taken last. */
  String place() {
    return taken;
  }

  private int first() {
    var first = -1;
    var earliest = Double.POSITIVE_INFINITY;
    for (var file = 0; file < heads.size(); file++) {
      var head = heads.get(file);
      if (head != null && time.applyAsDouble(head) < earliest) {
        first = file;
        earliest = time.applyAsDouble(head);
      }
    }
    return first;
  }

  @Override
  public void close() throws IOException {
    for (var file : files) {
      file.close();
    }
  }
}
