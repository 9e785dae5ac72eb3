package io.kith.load.soak;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * The file of a soak: a line for each window, written when it is over, so that whatever ends the
 * soak leaves what was measured. A last line that is cut off is left out, and written over.
 */
final class SoakState {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path file;
  private final List<SoakWindow> windows;

  private SoakState(Path file, List<SoakWindow> windows) {
    this.file = file;
    this.windows = new ArrayList<>(windows);
  }

  /** The file is no soak's. */
  static final class NoStateException extends Exception {
    private static final long serialVersionUID = 1;

    NoStateException(String message) {
      super(message);
    }
  }

  /** A new one. */
  static SoakState create(Path file) throws IOException, NoStateException {
    if (Files.exists(file)) {
      throw new NoStateException(
          file + ": is there already (go on with it: --resume; or name another with --state)");
    }
    Files.createFile(file);
    return new SoakState(file, List.of());
  }

  /** One that was begun. */
  static SoakState resume(Path file) throws IOException, NoStateException {
    if (!Files.isRegularFile(file)) {
      throw new NoStateException(file + ": is not there (begin one without --resume)");
    }
    var text = Files.readString(file);
    var whole = text.substring(0, text.lastIndexOf('\n') + 1);
    var windows = new ArrayList<SoakWindow>();
    var number = 0;
    for (var line : whole.lines().toList()) {
      number++;
      try {
        windows.add(JSON.readValue(line, SoakWindow.class));
      } catch (JsonProcessingException e) {
        throw new NoStateException(
            file + ":" + number + ": is no window of a soak (" + e.getOriginalMessage() + ")");
      }
    }
    if (whole.length() < text.length()) {
      Files.writeString(file, whole);
    }
    return new SoakState(file, windows);
  }

  /** The number of the next run. */
  int nextRun() {
    return windows.isEmpty() ? 1 : windows.getLast().run() + 1;
  }

  void add(SoakWindow window) throws IOException {
    windows.add(window);
    Files.writeString(file, JSON.writeValueAsString(window) + "\n", StandardOpenOption.APPEND);
  }

  List<SoakWindow> windows() {
    return List.copyOf(windows);
  }
}
