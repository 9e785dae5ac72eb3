package io.kith.bridge.process;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The code that a program was told to run, before anything is looked up. */
sealed interface EntryPoint {
  /** Not an interpreter. */
  record Native() implements EntryPoint {}

  /**
   * A file.
   *
   * @param path as written; may be relative to the process's working folder
   * @param loads options that load more code first, as written
   */
  record ScriptFile(String path, List<String> loads) implements EntryPoint {
    public ScriptFile {
      loads = List.copyOf(loads);
    }
  }

  /**
   * A JVM with a jar or a class.
   *
   * @param name the jar as written, the class with its class path, or the argument file
   * @param file what can be hashed, as written, or null
   */
  record JvmMain(String name, @Nullable String file, List<String> loads) implements EntryPoint {
    public JvmMain {
      loads = List.copyOf(loads);
    }
  }

  /** A module that the interpreter finds by itself. */
  record Module(String name, List<String> loads) implements EntryPoint {
    public Module {
      loads = List.copyOf(loads);
    }
  }

  /** Code on the command line. */
  record Inline(String code) implements EntryPoint {}

  /** Code that comes through a descriptor: a pipe, a terminal, {@code /dev/fd/63}. */
  record Stdin() implements EntryPoint {}

  /** Of an interpreter whose arguments do not say: cut off before the code was named. */
  record Unclear() implements EntryPoint {}
}
