package io.kith.baselines.process;

import static java.util.Objects.requireNonNull;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/*
 * Not a record: a decision compares classes, and their SHA-256, computed once when a fingerprint
 * arrives, is one line of the cache where the texts are a dozen.
 */
/**
 * What a fingerprint is for: the key under which its flows are learned, and which survives
 * versions.
 *
 * <p>Runs of digits in paths and names are masked as {@code #}, since {@code python3.11} becomes
 * {@code python3.12} and is still the same part of the workload. Hash, digest and origin are
 * conditions on a class, not part of it.
 *
 * <p>Classes are equal when the SHA-256 of all of their parts is.
 */
public final class ProcessClass {
  private static final int MAX_ANCESTORS = 3;
  private static final Pattern DIGITS = Pattern.compile("[0-9]+");
  private static final int DIGEST_WORDS = 4;
  private static final long[] KEYS = KeyedHash.keys();
  private static final long[] OTHER_KEYS = KeyedHash.keys();

  private final String path;
  private final String program;
  private final @Nullable String script;
  private final List<String> ancestors;
  private final boolean root;
  private final long digest0;
  private final long digest1;
  private final long digest2;
  private final long digest3;
  private final long high;
  private final long low;
  private final long otherHigh;
  private final long otherLow;

  /**
   * A class of these parts.
   *
   * @param path masked path of the executable
   * @param program masked program name
   * @param script masked path of the script; code on a command line keeps its hash
   * @param ancestors masked executables of up to three ancestors, nearest first, repeats collapsed
   * @param root runs as uid 0
   */
  public ProcessClass(
      String path, String program, @Nullable String script, List<String> ancestors, boolean root) {
    this.path = requireNonNull(path, "path");
    this.program = requireNonNull(program, "program");
    this.script = script;
    this.ancestors = List.copyOf(ancestors);
    this.root = root;
    var digest = digest();
    digest0 = digest.getLong();
    digest1 = digest.getLong();
    digest2 = digest.getLong();
    digest3 = digest.getLong();
    var hash = ofDigest(KEYS);
    high = hash.high();
    low = hash.low();
    var other = ofDigest(OTHER_KEYS);
    otherHigh = other.high();
    otherLow = other.low();
  }

  /** The same, with equal ancestors that others have as well. */
  private ProcessClass(ProcessClass same, List<String> ancestors) {
    this.path = same.path;
    this.program = same.program;
    this.script = same.script;
    this.ancestors = ancestors;
    this.root = same.root;
    this.digest0 = same.digest0;
    this.digest1 = same.digest1;
    this.digest2 = same.digest2;
    this.digest3 = same.digest3;
    this.high = same.high;
    this.low = same.low;
    this.otherHigh = same.otherHigh;
    this.otherLow = same.otherLow;
  }

  public static ProcessClass of(ProcessFingerprint fingerprint) {
    var script = fingerprint.script();
    return new ProcessClass(
        mask(fingerprint.path()),
        mask(fingerprint.program()),
        script == null
            ? null
            : script.path().startsWith("inline:") ? script.path() : mask(script.path()),
        fingerprint.lineage().stream().limit(MAX_ANCESTORS).map(ProcessClass::mask).toList(),
        fingerprint.uid() == 0);
  }

  public String path() {
    return path;
  }

  public String program() {
    return program;
  }

  public @Nullable String script() {
    return script;
  }

  public List<String> ancestors() {
    return ancestors;
  }

  public boolean root() {
    return root;
  }

  /** Names the class: the first 16 hex digits of its SHA-256. */
  public String id() {
    return HexFormat.of().toHexDigits(digest0);
  }

  private KeyedHash ofDigest(long[] keys) {
    var hash = new KeyedHash(keys);
    hash.add(digest0);
    hash.add(digest1);
    hash.add(digest2);
    hash.add(digest3);
    return hash;
  }

  /** A hash of the class, to which more can be added; computed once, so this costs nothing. */
  public KeyedHash hash() {
    return new KeyedHash(KEYS, DIGEST_WORDS, high, low);
  }

  /** The same as {@link #hash} under other keys. */
  public KeyedHash otherHash() {
    return new KeyedHash(OTHER_KEYS, DIGEST_WORDS, otherHigh, otherLow);
  }

  /** Of the parts with their lengths, so that no two lists of parts are the same bytes. */
  private ByteBuffer digest() {
    var length = 5 * Integer.BYTES + size(path) + size(program) + size(script);
    for (var ancestor : ancestors) {
      length += Integer.BYTES + size(ancestor);
    }
    var text = ByteBuffer.allocate(length);
    put(text, path);
    put(text, program);
    put(text, script);
    text.putInt(root ? 1 : 0);
    text.putInt(ancestors.size());
    ancestors.forEach(ancestor -> put(text, ancestor));
    try {
      return ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(text.array()));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  private static int size(@Nullable String text) {
    return text == null ? 0 : text.length() * Character.BYTES;
  }

  private static void put(ByteBuffer to, @Nullable String text) {
    if (text == null) {
      to.putInt(-1);
      return;
    }
    to.putInt(text.length());
    to.asCharBuffer().put(text);
    to.position(to.position() + size(text));
  }

  /** The same class, that shares equal ancestors with those that were seen before. */
  @SuppressWarnings("ReferenceEquality") // one object is the point
  public ProcessClass sharing(Map<List<String>, List<String>> seen) {
    var shared = seen.computeIfAbsent(ancestors, list -> list);
    return shared == ancestors ? this : new ProcessClass(this, shared);
  }

  /**
   * Whether the other is the same program and script at another place or with other ancestors, and
   * with no more rights.
   */
  public boolean isMovedTo(ProcessClass other) {
    return program.equals(other.program)
        && (root || !other.root)
        && Objects.equals(fileOf(script), fileOf(other.script))
        && !equals(other);
  }

  private static @Nullable String fileOf(@Nullable String path) {
    return path == null || path.startsWith("inline:")
        ? path
        : path.substring(path.lastIndexOf('/') + 1);
  }

  /** Replaces every run of digits by {@code #}. */
  public static String mask(String text) {
    return DIGITS.matcher(text).replaceAll("#");
  }

  /** For people: executable, script and the nearest ancestor. */
  public String words() {
    var words = new StringBuilder(path);
    if (script != null) {
      words.append(' ').append(script);
    }
    if (!ancestors.isEmpty()) {
      words.append(" ← ").append(ancestors.getFirst());
    }
    return words.toString();
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ProcessClass that
        && digest0 == that.digest0
        && digest1 == that.digest1
        && digest2 == that.digest2
        && digest3 == that.digest3;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(digest0);
  }

  /** All parts; the ids of edges are made of it. */
  @Override
  public String toString() {
    return "ProcessClass[path="
        + path
        + ", program="
        + program
        + ", script="
        + script
        + ", ancestors="
        + ancestors
        + ", root="
        + root
        + "]";
  }
}
