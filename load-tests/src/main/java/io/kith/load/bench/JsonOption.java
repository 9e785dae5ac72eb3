package io.kith.load.bench;

import picocli.CommandLine.Option;

/** The option of a benchmark that says in which form its figures are told. */
public final class JsonOption {
  /** For people, or for machines. */
  enum Form {
    text,
    json
  }

  @Option(
      names = {"-o", "--output"},
      paramLabel = "text|json",
      defaultValue = "text",
      description = "json: the last line is one object (default: text).")
  private Form form = Form.text;

  /** Whether the last line is one object. */
  public boolean isJson() {
    return form == Form.json;
  }
}
