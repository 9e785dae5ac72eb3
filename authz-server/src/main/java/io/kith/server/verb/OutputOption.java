package io.kith.server.verb;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.ToNumberPolicy;
import com.google.gson.reflect.TypeToken;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import io.kith.baselines.yaml.YamlText;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/** The option that says in which form results are printed; YAML has the fields of the JSON. */
public final class OutputOption {
  /** For people, or for machines. */
  public enum Format {
    text,
    json,
    yaml
  }

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORMAT",
      description =
          "text for people (default), json or yaml for machines: ${COMPLETION-CANDIDATES}.")
  public Format format = Format.text;

  /** Whether a person reads it. */
  public boolean isText() {
    return format == Format.text;
  }

  /** Prints a message in the form asked for; names are those of {@code admin.proto}. */
  public void print(PrintWriter out, MessageOrBuilder message, Runnable text) {
    switch (format) {
      case text -> text.run();
      case json -> out.println(json(message));
      case yaml -> out.print(yaml(map(json(message))));
    }
    out.flush();
  }

  /** As {@link #print}, of many messages: one line of JSON, or one YAML document, for each. */
  public void printOneOfMany(PrintWriter out, MessageOrBuilder message, Runnable text) {
    switch (format) {
      case text -> text.run();
      case json -> out.println(json(message, Json.PRINTER.omittingInsignificantWhitespace()));
      case yaml -> out.print("---\n" + yaml(map(json(message))));
    }
    out.flush();
  }

  /** Prints a document in the form asked for. */
  public void print(PrintWriter out, Map<String, ?> document, Runnable text) {
    switch (format) {
      case text -> text.run();
      case json -> out.println(Json.GSON.toJson(document));
      case yaml -> out.print(yaml(document));
    }
    out.flush();
  }

  /** Prints a JSON text in the form asked for. */
  public void print(PrintWriter out, String json, Runnable text) {
    switch (format) {
      case text -> text.run();
      case json -> out.println(json);
      case yaml -> out.print(yaml(map(json)));
    }
    out.flush();
  }

  /** A message as a document. */
  public static Map<String, Object> document(MessageOrBuilder message) {
    return map(json(message));
  }

  private static String yaml(Map<String, ?> document) {
    return YamlText.write(List.of(), List.of(document));
  }

  private static Map<String, Object> map(String json) {
    return Json.GSON.fromJson(json, new TypeToken<Map<String, Object>>() {});
  }

  private static String json(MessageOrBuilder message) {
    return json(message, Json.PRINTER);
  }

  private static String json(MessageOrBuilder message, JsonFormat.Printer printer) {
    try {
      return printer.print(message);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("a message without Any has a JSON form", e);
    }
  }

  /** Their libraries take long to begin, and most verbs print text. */
  private static final class Json {
    static final Gson GSON =
        new GsonBuilder()
            .setPrettyPrinting()
            .disableHtmlEscaping()
            .serializeNulls()
            .setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE)
            .create();

    static final JsonFormat.Printer PRINTER =
        JsonFormat.printer().alwaysPrintFieldsWithNoPresence().preservingProtoFieldNames();
  }
}
