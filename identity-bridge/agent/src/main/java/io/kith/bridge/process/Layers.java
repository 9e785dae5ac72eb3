package io.kith.bridge.process;

import io.kith.baselines.process.Origin;
import io.kith.bridge.ffm.FileStat;
import io.kith.bridge.ffm.PosixFile;
import java.io.File;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The layers of a container's root: the writable one, and the image's below it. Thread-safe.
 *
 * <p>A file of the writable layer has another name than it seems to have while it, or a folder
 * above it, is renamed, and whoever owns it can go on renaming. So it is not enough that the
 * writable layer does not have a name: the image must have the very file.
 */
final class Layers {
  private static final int CAPACITY = 512;

  private final String root;
  private final String upper;
  private final List<String> names;
  private final BoundedMap<Known, Boolean> ofTheImage = new BoundedMap<>(CAPACITY);
  private volatile List<String> lowers = List.of();

  /** A file that the image has, which does not change. */
  private record Known(String name, long size, long changedSeconds, int changedNanos) {
    Known(String name, FileStat file) {
      this(name, file.size(), file.changedSeconds(), file.changedNanos());
    }
  }

  private Layers(String root, String upper, List<String> names) {
    this.root = root;
    this.upper = upper;
    this.names = names;
  }

  /**
   * The layers that have these names in a root; null when the writable one is not there.
   *
   * @param names of the image's, the highest first; empty when they are not known
   */
  static @Nullable Layers of(String root, String upper, List<String> names) {
    var reached = reachable(root, upper);
    // Runtimes that shorten the names do so from the folder that all layers have theirs in.
    return reached == null
        ? null
        : new Layers(
            root,
            reached,
            names.stream()
                .map(name -> name.startsWith("/") ? name : upper + "/../../" + name)
                .toList());
  }

  boolean isSameAs(Layers other) {
    return root.equals(other.root) && upper.equals(other.upper) && names.equals(other.names);
  }

  /**
   * Where a file is from.
   *
   * @param name from the container's root
   * @return WRITABLE_LAYER, IMAGE or UNKNOWN
   */
  Origin originOf(String name, NamedFile file) throws IOException {
    if (exists(upper + name)) {
      return Origin.WRITABLE_LAYER;
    }
    var image = lowers();
    var known = image.isEmpty() ? file.stayed() : isOfTheImage(image, name, file.stat());
    return known ? Origin.IMAGE : Origin.UNKNOWN;
  }

  private boolean isOfTheImage(List<String> image, String name, FileStat file) throws IOException {
    var known = new Known(name, file);
    if (ofTheImage.get(known) != null) {
      return true;
    }
    for (var layer : image) {
      try {
        if (PosixFile.statOfLink(layer + name).isAsOldAs(file)) {
          ofTheImage.put(known, true);
          return true;
        }
      } catch (NoSuchFileException _) {
        // one below it may have it
      }
    }
    return false;
  }

  private static boolean exists(String path) throws IOException {
    try {
      PosixFile.statOfLink(path);
      return true;
    } catch (NoSuchFileException _) {
      return false;
    }
  }

  /** Looked up when they are needed first; all that there are, or none. */
  private List<String> lowers() {
    if (lowers.isEmpty()) {
      lowers = reachable();
    }
    return lowers;
  }

  private List<String> reachable() {
    var found = new ArrayList<String>();
    for (var name : names) {
      var reached = reachable(root, name);
      if (reached == null) {
        return List.of();
      }
      found.add(reached);
    }
    return found.isEmpty() || isEmpty(found.getLast()) ? List.of() : List.copyOf(found);
  }

  /** As where a layer is mounted that is only to be seen from elsewhere. */
  private static boolean isEmpty(String folder) {
    var entries = new File(folder).list();
    return entries == null || entries.length == 0;
  }

  private static @Nullable String reachable(String root, String name) {
    try (var folder = PosixFile.openPath(root)) {
      var inRoot = folder.nameInRoot(name);
      var reached = root + (inRoot.equals("/") ? "" : inRoot);
      return PosixFile.stat(reached).isFolder() ? reached : null;
    } catch (IOException _) {
      return null;
    }
  }
}
