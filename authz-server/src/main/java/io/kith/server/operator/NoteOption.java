package io.kith.server.operator;

import picocli.CommandLine.Option;

/** The option that says why something changes. */
final class NoteOption {
  @Option(
      names = "--note",
      required = true,
      paramLabel = "TEXT",
      description = "Why; kept in the record of changes (kith audit).")
  String text = "";
}
