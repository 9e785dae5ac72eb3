package io.kith.server.cli;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import picocli.CommandLine.Option;

/** The option that says in which form results are printed. */
final class OutputOption {
  enum Format {
    text,
    json
  }

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      description = "text for people (default) or json for machines: ${COMPLETION-CANDIDATES}.")
  Format format = Format.text;

  boolean json() {
    return format == Format.json;
  }

  /** The message as one JSON document; names as in {@code admin.proto}. */
  static String json(MessageOrBuilder message) {
    try {
      return JsonFormat.printer()
          .alwaysPrintFieldsWithNoPresence()
          .preservingProtoFieldNames()
          .print(message);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("a message without Any has a JSON form", e);
    }
  }
}
