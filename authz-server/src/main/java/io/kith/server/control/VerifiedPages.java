package io.kith.server.control;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.bundle.Keyring;
import io.kith.baselines.store.Entry;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/*
 * Most of a start is signatures: two for each proposed revision, a millisecond together and more in
 * a cold JVM, and none of them changed since the last start. The file is worth what the keys beside
 * it are worth: who can write it can seal whatever they like.
 */
/**
 * The pages of the log of changes whose signatures this server has verified before, in a file
 * beside its keys: what is the same byte for byte needs them not verified again.
 *
 * <p>Shape of the file: a line with {@link Keyring#id}; then a line for each page of {@value #PAGE}
 * entries in order, 64 hex digits of the SHA-256 of the entries; the last page may be one that is
 * not full yet, as far as it was verified. A file of other keys is begun anew, and what is torn or
 * cannot be read or written only costs time. Not thread-safe.
 */
final class VerifiedPages {
  /** Entries of a page; page 0 begins with position 1. */
  static final int PAGE = 256;

  private static final System.Logger LOG = System.getLogger(VerifiedPages.class.getName());
  private static final int LINE = 65;

  private final Path file;
  private final String keys;
  private final List<String> pages = new ArrayList<>();

  /** Of the entries of the page that is not full, up to the last that was noted. */
  private MessageDigest page = sha256();

  /** Position of the last that was noted. */
  private long last;

  private @Nullable Found found;
  private boolean told;

  /** The first page whose line is another than in the file. */
  private int unwritten = Integer.MAX_VALUE;

  /**
   * Entries that were verified before and are noted again when the last of them is.
   *
   * @param position of the last
   * @param digest of all of them
   */
  private record Found(long position, MessageDigest digest) {}

  /** What the file has, as far as it is of these keys. */
  VerifiedPages(Path file, Keyring keys) {
    this.file = file;
    this.keys = keys.id();
    try (var bytes = new RandomAccessFile(file.toFile(), "rw")) {
      var all = new byte[Math.toIntExact(bytes.length())];
      bytes.readFully(all);
      var lines = new String(all, UTF_8).split("\n", -1);
      if (!lines[0].equals(this.keys)) {
        bytes.setLength(0);
        bytes.write((this.keys + "\n").getBytes(UTF_8));
        return;
      }
      for (var i = 1; i < lines.length - 1 && lines[i].length() == LINE - 1; i++) {
        pages.add(lines[i]);
      }
    } catch (IOException | ArithmeticException e) {
      LOG.log(Level.WARNING, "every signature of the log is verified: its file is not usable", e);
    }
  }

  /**
   * How many of these entries, from the first on, were verified before: all of a full page, or as
   * far as the last page was noted.
   */
  int among(List<Entry> entries) {
    found = null;
    if (entries.isEmpty() || entries.getFirst().position() % PAGE != 1) {
      return 0;
    }
    var number = entries.getFirst().position() / PAGE;
    if (number >= pages.size()) {
      return 0;
    }
    var index = Math.toIntExact(number);
    var digest = sha256();
    for (var count = 1; count <= Math.min(entries.size(), PAGE); count++) {
      add(digest, entries.get(count - 1));
      var mayEnd = count == PAGE || index == pages.size() - 1;
      if (mayEnd && hash(digest).equals(pages.get(index))) {
        found = new Found(entries.get(count - 1).position(), digest);
        return count;
      }
    }
    return 0;
  }

  /**
   * Takes note of an entry that was verified, now or before. One that does not follow the last is
   * passed over, as is all after it: what is noted of a page was verified as it stands there.
   */
  void note(Entry entry) {
    var before = found;
    if (before != null && entry.position() < before.position()) {
      return;
    }
    if (before != null && entry.position() == before.position()) {
      page = before.digest();
      found = null;
    } else if (entry.position() == last + 1) {
      add(page, entry);
    } else {
      return;
    }
    last = entry.position();
    if (last % PAGE == 0) {
      put(Math.toIntExact(last / PAGE - 1));
      page = sha256();
    }
  }

  private void put(int index) {
    var hash = hash(page);
    if (index > pages.size() || (index < pages.size() && pages.get(index).equals(hash))) {
      return;
    }
    pages.subList(index, pages.size()).clear(); // what was there is of another log, or of less
    pages.add(hash);
    unwritten = Math.min(unwritten, index);
  }

  /** Writes what was noted. */
  void save() {
    if (last % PAGE != 0) {
      put(Math.toIntExact(last / PAGE));
    }
    if (unwritten >= pages.size()) {
      return;
    }
    try (var bytes = new RandomAccessFile(file.toFile(), "rw")) {
      var lines = String.join("\n", pages.subList(unwritten, pages.size())) + "\n";
      var start = unwritten == 0 ? 0 : keys.length() + 1 + (long) LINE * unwritten;
      bytes.setLength(start);
      bytes.seek(start);
      bytes.write((unwritten == 0 ? keys + "\n" + lines : lines).getBytes(UTF_8));
      unwritten = Integer.MAX_VALUE;
      told = false;
    } catch (IOException e) {
      if (!told) { // it is tried again whenever the log is read
        LOG.log(Level.WARNING, "that entries were verified could not be written", e);
      }
      told = true;
    }
  }

  /** With the length of each text, so that no two entries are the same bytes. */
  private static void add(MessageDigest digest, Entry entry) {
    digest.update(ByteBuffer.allocate(Long.BYTES).putLong(entry.position()).flip());
    for (var text : entry.texts()) {
      var bytes = text.getBytes(UTF_8);
      digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).flip());
      digest.update(bytes);
    }
  }

  /** Of what was added so far; more may be added. */
  private static String hash(MessageDigest digest) {
    try {
      return HexFormat.of().formatHex(((MessageDigest) digest.clone()).digest());
    } catch (CloneNotSupportedException e) {
      throw new IllegalStateException("the JDK's SHA-256 can be copied", e);
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
