package io.kith.bridge.capture;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The processes that hold a socket, by looking through their descriptors. */
final class SocketHolders {
  private SocketHolders() {}

  /**
   * Those of these processes that hold the socket.
   *
   * @param pids of one pod only; a search of the whole host would stall the answer
   */
  static List<Integer> of(long inode, List<Integer> pids) {
    var name = "socket:[" + inode + "]";
    var holders = new ArrayList<Integer>();
    for (var pid : pids) {
      if (holds(pid, name)) {
        holders.add(pid);
      }
    }
    return holders;
  }

  private static boolean holds(int pid, String name) {
    try (var descriptors =
        Files.newDirectoryStream(Path.of("/proc", Integer.toString(pid), "fd"))) {
      for (var descriptor : descriptors) {
        if (pointsTo(descriptor, name)) {
          return true;
        }
      }
    } catch (IOException | DirectoryIteratorException _) {
      // The process is gone, or not ours to look at: it is not found to hold the socket.
    }
    return false;
  }

  private static boolean pointsTo(Path descriptor, String name) {
    try {
      return Files.readSymbolicLink(descriptor).toString().equals(name);
    } catch (IOException _) {
      return false;
    }
  }
}
