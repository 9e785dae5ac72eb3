package io.kith.bridge.capture;

/**
 * An executable as the kernel knew it at one moment: enough to tell whether a file is still the
 * same one, and where it came from.
 *
 * @param device of the file system, as the kernel encodes it: {@code major << 20 | minor}
 * @param changeSeconds time of the last change of the inode, seconds since the epoch
 * @param size bytes
 * @param links names that the file has; 0: none is left
 * @param fileSystem magic number of the file system
 * @param overlayUpper on overlayfs: the file lies in the writable layer
 */
public record ImageId(
    int device,
    long inode,
    long changeSeconds,
    int changeNanos,
    long size,
    int links,
    long fileSystem,
    boolean overlayUpper) {}
