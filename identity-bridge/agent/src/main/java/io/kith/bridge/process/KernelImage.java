package io.kith.bridge.process;

/**
 * An executable as the kernel had it at one moment (exec or connect).
 *
 * @param links 0: it had no name left
 * @param fileSystem magic number of the file system
 * @param overlayUpper on overlayfs: it is in the writable layer
 */
public record KernelImage(FileId file, int links, long fileSystem, boolean overlayUpper) {
  private static final long OVERLAYFS = 0x794c_7630L;
  private static final long TMPFS = 0x0102_1994L;
  private static final long HUGETLBFS = 0x9584_58f6L;

  boolean onOverlay() {
    return fileSystem == OVERLAYFS;
  }

  /** Without a name, on a file system of the kind that memfd_create uses. */
  boolean inMemory() {
    return links == 0 && (fileSystem == TMPFS || fileSystem == HUGETLBFS);
  }
}
