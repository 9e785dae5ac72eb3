package io.kith.server.replay;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import io.kith.baselines.identity.Printable;
import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/**
 * The records of a file of JSON Lines, plain or gzip'd, one at a time.
 *
 * <p>Lines may have 1 MiB and 16 levels; longer ones are malformed and skipped as a whole.
 *
 * @param <T> what a line becomes
 */
final class JsonLines<T> implements Closeable {
  static final int MAX_LINE = 1 << 20;
  private static final int BUFFER = 1 << 16;
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(16)
                  .maxStringLength(64 << 10)
                  .maxNumberLength(64)
                  .build())
          .build();

  /** Makes a record of a line. */
  @FunctionalInterface
  interface Reader<T> {
    /**
     * Reads one object; the parser stands at its opening brace.
     *
     * @throws IllegalArgumentException with what was wrong and what was expected
     */
    T read(JsonParser parser) throws IOException;
  }

  private final String file;
  private final Reader<T> reader;
  private final InputStream in;
  private final CountedInput counted;
  private final long size;
  private final byte[] buffer = new byte[BUFFER];
  private byte[] line = new byte[4_096];
  private int lineLength;
  private boolean tooLong;
  private int at;
  private int end;
  private long number;
  private boolean ended;

  private JsonLines(
      String file, Reader<T> reader, InputStream in, CountedInput counted, long size) {
    this.file = file;
    this.reader = reader;
    this.in = in;
    this.counted = counted;
    this.size = size;
  }

  /** Opens a file; what it holds decides whether it is gzip'd. */
  static <T> JsonLines<T> open(Path file, Reader<T> reader) throws IOException {
    if (Files.isDirectory(file)) {
      throw new IOException(file + ": a folder (expected: a file of JSON Lines, plain or gzip'd)");
    }
    var counted = new CountedInput(Files.newInputStream(file));
    var raw = new BufferedInputStream(counted, BUFFER);
    try {
      raw.mark(2);
      var magic = raw.readNBytes(2);
      raw.reset();
      var zipped = magic.length == 2 && magic[0] == 0x1f && magic[1] == (byte) 0x8b;
      return new JsonLines<>(
          String.valueOf(file.getFileName()),
          reader,
          zipped ? new GZIPInputStream(raw, BUFFER) : raw,
          counted,
          Files.size(file));
    } catch (EOFException | ZipException e) {
      raw.close();
      throw new IOException(
          file + ": the gzip header is broken or cut (expected: a whole file)", e);
    } catch (IOException e) {
      raw.close();
      throw e;
    }
  }

  /**
   * The next record, or null at the end. After an exception the next call goes on behind the line.
   *
   * @throws MalformedLineException when the line is no such record, or the file ends within it
   */
  @Nullable T next() throws IOException, MalformedLineException {
    while (nextLine()) {
      if (tooLong) {
        throw malformed("longer than " + MAX_LINE + " bytes (expected: one JSON object)");
      }
      if (isBlank()) {
        continue;
      }
      return parse();
    }
    return null;
  }

  private T parse() throws IOException, MalformedLineException {
    try (var parser = JSON.createParser(line, 0, lineLength)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw malformed("not an object (expected: {…})");
      }
      var read = reader.read(parser);
      if (parser.nextToken() != null) {
        throw malformed("something follows the object (expected: one JSON object on a line)");
      }
      return read;
    } catch (StreamConstraintsException e) {
      throw malformed(
          "too deep, or a text or number too long (expected: at most 16 levels, 64 KiB, 64"
              + " digits)");
    } catch (JacksonException e) {
      throw malformed(
          "not JSON at column "
              + (e.getLocation() == null ? "?" : e.getLocation().getColumnNr())
              + " (expected: one JSON object on a line)");
    } catch (IllegalArgumentException e) {
      throw malformed(printable(String.valueOf(e.getMessage())));
    }
  }

  private MalformedLineException malformed(String problem) {
    return new MalformedLineException(place(), problem);
  }

  /** Bytes of the file that were read, as they are in it. */
  long read() {
    return counted.count();
  }

  /** Bytes of the file; 0 for what is no plain file. */
  long size() {
    return size;
  }

  /** File and line of the record that was read last. */
  String place() {
    return file + ":" + number;
  }

  static String printable(String text) {
    return Printable.of(text, 400);
  }

  private boolean isBlank() {
    for (var i = 0; i < lineLength; i++) {
      if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') {
        return false;
      }
    }
    return true;
  }

  /** Reads up to the next line feed; false when there is nothing left. */
  private boolean nextLine() throws IOException, MalformedLineException {
    lineLength = 0;
    tooLong = false;
    if (ended) {
      return false;
    }
    number++;
    while (true) {
      if (at == end && !fill()) {
        ended = true;
        return lineLength > 0 || tooLong;
      }
      var from = at;
      while (at < end && buffer[at] != '\n') {
        at++;
      }
      append(from, at);
      if (at < end) {
        at++;
        return true;
      }
    }
  }

  private boolean fill() throws IOException, MalformedLineException {
    try {
      at = 0;
      end = Math.max(0, in.read(buffer));
      return end > 0;
    } catch (EOFException | ZipException e) {
      end = 0;
      ended = true;
      throw malformed(
          "the gzip stream is broken or cut here: "
              + e.getMessage()
              + " (expected: a whole file; what came before is used)");
    }
  }

  private void append(int from, int to) {
    var length = to - from;
    if (lineLength + length > MAX_LINE) {
      tooLong = true;
      return;
    }
    if (lineLength + length > line.length) {
      line = Arrays.copyOf(line, Math.max(line.length * 2, lineLength + length));
    }
    System.arraycopy(buffer, from, line, lineLength, length);
    lineLength += length;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
