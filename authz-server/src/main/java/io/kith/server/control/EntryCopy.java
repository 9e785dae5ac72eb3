package io.kith.server.control;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.bundle.Seals;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.Change;
import io.kith.baselines.store.Entry;
import io.kith.baselines.yaml.Json;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A check server's own copy of the log of changes, in a file: with it the server starts when no
 * control server answers, and finds what the log says of a workload that it begins to hold.
 *
 * <p>Shape of the file: the line {@code kith log 1}, or {@code kith log 0} before the end of the
 * log was reached once; then one entry a line, canonical JSON, from position 1 without gaps. Only
 * entries whose seal was found good are kept; they are verified again whenever they are read. In
 * memory are 12 bytes for an entry. Thread-safe.
 */
final class EntryCopy implements AutoCloseable {
  private static final int CHUNK = 1 << 20;
  private static final byte[] BEGUN = "kith log 0\n".getBytes(UTF_8);
  private static final byte[] ESTABLISHED = "kith log 1\n".getBytes(UTF_8);

  /** In place of the hash of a subject: it may concern every workload. */
  private static final int SHARED = 0;

  private final RandomAccessFile file;
  private boolean established;
  private long[] ends = new long[64];
  private int[] subjects = new int[64];
  private int size;
  private String seal = Seals.FIRST;
  private @Nullable Entry ahead;
  private long aheadEnd;
  private byte[] chunk = new byte[0];
  private long chunkAt;

  /** Gets entries, one by one. */
  interface Reader {
    /**
     * An entry and what it has to follow.
     *
     * @param before the seal of the entry before it
     * @throws IOException when it is of no use; then no more are read
     */
    void entry(String before, Entry entry) throws IOException;
  }

  private EntryCopy(RandomAccessFile file) throws IOException {
    this.file = file;
    var head = file.length() < BEGUN.length ? new byte[0] : bytes(0, BEGUN.length);
    this.established = Arrays.equals(head, ESTABLISHED);
    if (!established && !Arrays.equals(head, BEGUN)) {
      file.setLength(0);
      file.write(BEGUN);
    }
  }

  /**
   * Opens it, or makes it with its folder.
   *
   * @throws IOException when it cannot be; the message is for people
   */
  static EntryCopy open(Path path) throws IOException {
    try {
      var folder = path.toAbsolutePath().getParent();
      if (folder != null) {
        Files.createDirectories(folder);
      }
      return new EntryCopy(new RandomAccessFile(path.toFile(), "rw"));
    } catch (IOException e) {
      throw new IOException(
          "store.directory: '"
              + path
              + "' cannot be written: "
              + FileWatch.cause(e)
              + " (mount a volume there, or name a folder that this user may write)",
          e);
    }
  }

  /** Whether it once reached the end of a log; else it is no log to decide by. */
  synchronized boolean isEstablished() {
    return established;
  }

  /** Says that it reaches the end of the log, as a control server has it. */
  synchronized void establish() throws IOException {
    if (!established) {
      file.seek(0);
      file.write(ESTABLISHED);
      established = true;
    }
  }

  /** Position of the last entry that is kept. */
  synchronized long size() {
    return size;
  }

  /** Its seal. */
  synchronized String seal() {
    return seal;
  }

  /**
   * The entry behind the last that is kept, as an earlier run left it; null at the end, or where
   * the file is torn. It is not kept before {@link #keep}.
   */
  synchronized @Nullable Entry next() throws IOException {
    var start = end(size);
    var line = lineAt(start);
    if (line == null) {
      return null;
    }
    ahead = read(line, size + 1L);
    aheadEnd = start + line.length + 1;
    return ahead;
  }

  /** Bytes up to the line feed, or null when there is none. */
  private byte @Nullable [] lineAt(long start) throws IOException {
    while (true) {
      var from = Math.toIntExact(start - chunkAt);
      if (start >= chunkAt && from <= chunk.length) {
        for (var i = from; i < chunk.length; i++) {
          if (chunk[i] == '\n') {
            return Arrays.copyOfRange(chunk, from, i);
          }
        }
      }
      var had = start >= chunkAt ? Math.max(0, chunk.length - from) : 0;
      var wanted = Math.min(Math.max(CHUNK, 2L * had), file.length() - start);
      if (wanted <= had) {
        chunk = new byte[0];
        return null;
      }
      chunk = bytes(start, Math.toIntExact(wanted));
      chunkAt = start;
    }
  }

  private byte[] bytes(long start, int length) throws IOException {
    var bytes = new byte[length];
    file.seek(start);
    file.readFully(bytes);
    return bytes;
  }

  private static @Nullable Entry read(byte[] line, long position) {
    try {
      var json = Json.read(new String(line, UTF_8));
      var change =
          new Change(
              Instant.parse(json.text("at")),
              json.text("author"),
              json.text("note"),
              json.text("kind"),
              json.text("subject"),
              json.text("body"));
      return new Entry(position, change, json.text("seal"));
    } catch (IllegalArgumentException | DateTimeException _) {
      return null; // torn, or not ours
    }
  }

  /**
   * Keeps an entry, which follows the last.
   *
   * @throws IOException when it cannot be written; then it is not kept
   */
  synchronized void keep(Entry entry) throws IOException {
    if (entry.position() != size + 1L) {
      throw new IOException(
          "the copy of the log ends at " + size + ", and " + entry.position() + " was to follow");
    }
    var end = aheadEnd;
    if (ahead == null || !ahead.equals(entry)) {
      end = write(entry);
    }
    ahead = null;
    if (size == subjects.length) {
      ends = Arrays.copyOf(ends, 2 * size);
      subjects = Arrays.copyOf(subjects, 2 * size);
    }
    ends[size] = end;
    subjects[size] = subject(entry.change());
    size++;
    seal = entry.seal();
  }

  private long write(Entry entry) throws IOException {
    var change = entry.change();
    var line =
        (Json.write(
                    Map.of(
                        "at", change.at().toString(),
                        "author", change.author(),
                        "note", change.note(),
                        "kind", change.kind(),
                        "subject", change.subject(),
                        "body", change.body(),
                        "seal", entry.seal()))
                + "\n")
            .getBytes(UTF_8);
    var start = end(size);
    file.setLength(start); // what an earlier run left there is not good
    file.seek(start);
    file.write(line);
    chunk = new byte[0];
    return start + line.length;
  }

  private long end(int position) {
    return position == 0 ? BEGUN.length : ends[position - 1];
  }

  private static int subject(Change change) {
    try {
      return hash(Owner.parse(change.subject()));
    } catch (IllegalArgumentException _) {
      return SHARED; // a scope
    }
  }

  private static int hash(Owner owner) {
    var hash = owner.hashCode();
    return hash == SHARED ? 1 : hash;
  }

  /** The entries that may concern a workload, in order; some are about another one or a scope. */
  synchronized void about(Owner owner, Reader reader) throws IOException {
    var wanted = hash(owner);
    var before = Seals.FIRST;
    var follows = 0; // the index of the entry that has to follow that seal
    for (var i = 0; i < size; i++) {
      if (subjects[i] == wanted || subjects[i] == SHARED) {
        before = i == follows ? before : at(i - 1).seal();
        var entry = at(i);
        reader.entry(before, entry);
        before = entry.seal();
        follows = i + 1;
      }
    }
  }

  private Entry at(int index) throws IOException {
    var start = end(index);
    var entry = read(bytes(start, Math.toIntExact(ends[index] - start - 1)), index + 1L);
    if (entry == null) {
      throw new IOException("the copy of the log was altered at " + (index + 1));
    }
    return entry;
  }

  @Override
  public synchronized void close() {
    try {
      file.close();
    } catch (IOException _) {
      // nothing waits to be written
    }
  }
}
