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

/*
 * Most of a start is signatures: two for each proposed revision, a millisecond together, and none of
 * them changed since the last start. The file is worth what the keys beside it are worth: who can
 * write it can seal whatever they like.
 */
/**
 * The pages of the log of changes whose signatures this server has verified before, in a file
 * beside its keys: a page that is the same byte for byte needs them not verified again.
 *
 * <p>Shape of the file: a line with {@link Keyring#id}; then a line for each page of {@value #PAGE}
 * entries in order, 64 hex digits of the SHA-256 of the entries. A file of other keys is begun
 * anew, and what is torn or cannot be read or written only costs time. Not thread-safe.
 */
final class VerifiedPages {
  /** Entries of a page; page 0 begins with position 1. */
  static final int PAGE = 256;

  private static final System.Logger LOG = System.getLogger(VerifiedPages.class.getName());
  private static final int LINE = 65;

  private final Path file;
  private final String keys;
  private final List<String> pages = new ArrayList<>();
  private MessageDigest page = sha256();

  /** Last position of the pages that were found noted. */
  private long known;

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

  /** Whether these entries are a whole page that was verified before. */
  boolean has(List<Entry> entries) {
    var first = entries.isEmpty() ? 0 : entries.getFirst().position();
    var index = (first - 1) / PAGE;
    if (entries.size() != PAGE || first % PAGE != 1 || index >= pages.size()) {
      return false;
    }
    var digest = sha256();
    entries.forEach(entry -> add(digest, entry));
    var isThere =
        pages.get(Math.toIntExact(index)).equals(HexFormat.of().formatHex(digest.digest()));
    if (isThere) {
      known = entries.getLast().position();
    }
    return isThere;
  }

  /** Takes note of an entry that was verified; from position 1 on, without gaps. */
  void note(Entry entry) {
    if (entry.position() <= known) {
      return; // its page is noted
    }
    add(page, entry);
    if (entry.position() % PAGE == 0) {
      var hash = HexFormat.of().formatHex(page.digest());
      page = sha256();
      var index = Math.toIntExact(entry.position() / PAGE - 1);
      if (index < pages.size() && pages.get(index).equals(hash)) {
        return;
      }
      if (index > pages.size()) {
        return; // the one before it could not be written
      }
      write(index, hash);
    }
  }

  private void write(int index, String hash) {
    pages.subList(index, pages.size()).clear();
    var start = keys.length() + 1 + (long) LINE * index;
    try (var bytes = new RandomAccessFile(file.toFile(), "rw")) {
      bytes.setLength(start); // what was there is of another log
      bytes.seek(start);
      bytes.write((hash + "\n").getBytes(UTF_8));
      pages.add(hash);
    } catch (IOException e) {
      LOG.log(Level.WARNING, "that entries were verified could not be written", e);
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

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
