package io.kith.bridge.ffm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;

/**
 * A file opened by name, asked by its descriptor from then on, so that what was looked at is what
 * is read even when the name leads elsewhere by now.
 *
 * <p>Names are byte strings to the kernel; here they are read as UTF-8, and bytes that are not
 * become U+FFFD. Files of other people's name spaces are opened without blocking and only when they
 * are regular: a FIFO or a device is never opened.
 *
 * <p>Source: open(2), openat2(2), statx(2).
 */
public final class PosixFile implements AutoCloseable {
  private static final int O_RDONLY = 0;
  private static final int O_NONBLOCK = 0x800;
  private static final int O_CLOEXEC = 0x8_0000;
  private static final int O_PATH = 0x20_0000;
  private static final int MFD_CLOEXEC = 1;
  private static final int AT_FDCWD = -100;
  private static final int AT_SYMLINK_NOFOLLOW = 0x100;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int STATX_BASIC_STATS = 0x7ff;
  private static final int STATX_MNT_ID = 0x1000;

  private static final long RESOLVE_NO_MAGICLINKS = 0x02;
  private static final long RESOLVE_IN_ROOT = 0x10;
  private static final int ENOENT = 2;
  private static final int ENOTDIR = 20;
  private static final int MAX_LINK = 4096;

  private final int descriptor;

  private PosixFile(int descriptor) {
    this.descriptor = descriptor;
  }

  /** Opens a file for reading, as our own mount namespace names it. */
  public static PosixFile open(String path) throws IOException {
    return new PosixFile(openDescriptor(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  }

  /**
   * Opens an empty file in memory that has no name.
   *
   * @param flags beside MFD_CLOEXEC, as memfd_create(2) has them
   */
  static PosixFile inMemory(int flags) throws IOException {
    return new PosixFile((int) checked(Libc.openMemory("kith", flags | MFD_CLOEXEC)));
  }

  /** Opens the place, not the content: it can be asked for its attributes and resolved below. */
  public static PosixFile openPath(String path) throws IOException {
    return new PosixFile(openDescriptor(path, O_PATH | O_CLOEXEC));
  }

  /**
   * Opens a regular file below this folder as a process with this folder as its root would find it:
   * absolute links and {@code ..} stay inside.
   *
   * @throws IOException also when it is not a regular file
   */
  public PosixFile openRegularInRoot(String path) throws IOException {
    try (var place = new PosixFile(openInRoot(path))) {
      if (!place.stat().isRegular()) {
        throw new IOException("not a regular file");
      }
      return open("/proc/self/fd/" + place.descriptor);
    }
  }

  /**
   * What a name leads to for a process with this folder as its root, links resolved: a name from
   * the root of the mount namespace that the folder is in.
   */
  public String nameInRoot(String path) throws IOException {
    try (var place = new PosixFile(openInRoot(path))) {
      return place.name();
    }
  }

  private int openInRoot(String path) throws IOException {
    try (var arena = Arena.ofConfined()) {
      var how = arena.allocate(24, 8); // struct open_how
      how.set(JAVA_LONG, 0, O_PATH | O_CLOEXEC);
      how.set(JAVA_LONG, 16, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
      return (int) checked(Libc.openBelow(descriptor, whole(path), how));
    }
  }

  private static int openDescriptor(String path, int flags) throws IOException {
    return (int) checked(Libc.open(whole(path), flags));
  }

  /** Attributes of what is open. */
  public FileStat stat() throws IOException {
    return statx(descriptor, "", AT_EMPTY_PATH);
  }

  /** Attributes of a name; a link is followed. */
  public static FileStat stat(String path) throws IOException {
    return statx(AT_FDCWD, path, 0);
  }

  /** Attributes of a name; a link is not followed. */
  public static FileStat statOfLink(String path) throws IOException {
    return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
  }

  private static FileStat statx(int folder, String path, int flags) throws IOException {
    try (var arena = Arena.ofConfined()) {
      var buffer = arena.allocate(256, 8);
      checked(Libc.statx(folder, whole(path), flags, STATX_BASIC_STATS | STATX_MNT_ID, buffer));
      return FileStat.of(buffer);
    }
  }

  /**
   * Reads from where the last read ended.
   *
   * @return how many bytes, 0 at the end
   */
  public int read(MemorySegment into) throws IOException {
    return (int) checked(Libc.read(descriptor, into));
  }

  /** What a reader of chunks does with one of them. */
  @FunctionalInterface
  public interface Chunks {
    void accept(ByteBuffer chunk);
  }

  /** Reads to the end, chunk by chunk. */
  public void readAll(int chunkSize, Chunks chunks) throws IOException {
    try (var arena = Arena.ofConfined()) {
      var buffer = arena.allocate(chunkSize);
      for (var count = read(buffer); count > 0; count = read(buffer)) {
        chunks.accept(buffer.asSlice(0, count).asByteBuffer());
      }
    }
  }

  /** The first bytes of a file. */
  public static byte[] head(String path, int limit) throws IOException {
    try (var file = open(path);
        var arena = Arena.ofConfined()) {
      var content = new byte[Math.min(limit, 8192)];
      var length = 0;
      var buffer = arena.allocate(8192);
      while (length < limit) {
        var count = file.read(buffer.asSlice(0, Math.min(8192, limit - length)));
        if (count == 0) {
          break;
        }
        if (length + count > content.length) {
          content = Arrays.copyOf(content, Math.min(limit, content.length * 4));
        }
        MemorySegment.copy(buffer, JAVA_BYTE, 0, content, length, count);
        length += count;
      }
      return Arrays.copyOf(content, length);
    }
  }

  /** Where a link leads. */
  public static String readLink(String path) throws IOException {
    try (var arena = Arena.ofConfined()) {
      var buffer = arena.allocate(MAX_LINK);
      var bytes = new byte[(int) checked(Libc.readLink(whole(path), buffer))];
      MemorySegment.copy(buffer, JAVA_BYTE, 0, bytes, 0, bytes.length);
      return new String(bytes, UTF_8);
    }
  }

  /** The name under which the kernel knows what is open, from the root of its mount namespace. */
  public String name() throws IOException {
    return readLink("/proc/self/fd/" + descriptor);
  }

  private static String whole(String path) throws IOException {
    if (path.indexOf('\0') >= 0) {
      throw new IOException("a name with a zero byte");
    }
    return path;
  }

  private static long checked(long result) throws IOException {
    if (result < 0) {
      var number = (int) -result;
      throw number == ENOENT || number == ENOTDIR
          ? new NoSuchFileException(words(number))
          : new IOException(words(number));
    }
    return result;
  }

  private static String words(int errno) {
    return switch (errno) {
      case 1 -> "not permitted (EPERM)";
      case 2 -> "no such file (ENOENT)";
      case 3 -> "no such process (ESRCH)";
      case 13 -> "permission denied (EACCES)";
      case 20 -> "not a folder (ENOTDIR)";
      case 24 -> "too many open files (EMFILE)";
      case 38 -> "not known to this kernel (ENOSYS)";
      case 40 -> "too many links (ELOOP)";
      default -> "errno " + errno;
    };
  }

  @Override
  public void close() {
    Libc.close(descriptor);
  }
}
