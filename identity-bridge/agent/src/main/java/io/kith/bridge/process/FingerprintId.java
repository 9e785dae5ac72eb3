package io.kith.bridge.process;

import io.kith.baselines.edge.ContentId;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Script;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The content address of a fingerprint: {@code fp:} and 32 hex digits.
 *
 * <p>Canonical form: the fields in the order of {@code bridge.proto}, each as its length in UTF-16
 * units, a colon and the text; what is absent is {@code -}; a list is its size in brackets and its
 * elements. So no content can pose as another field.
 */
public final class FingerprintId {
  private final StringBuilder form = new StringBuilder("kith-fingerprint-1");

  private FingerprintId() {}

  public static String of(ProcessFingerprint fingerprint) {
    return ContentId.of("fp:", 32, canonical(fingerprint));
  }

  static String canonical(ProcessFingerprint fingerprint) {
    var id = new FingerprintId();
    id.text(fingerprint.path());
    id.text(fingerprint.sha256());
    id.text(fingerprint.origin().name());
    id.text(Integer.toUnsignedString(fingerprint.uid()));
    id.text(fingerprint.entryKind().name());
    id.text(fingerprint.program());
    id.script(fingerprint.script());
    id.list(fingerprint.lineage());
    id.text(fingerprint.container());
    id.text(fingerprint.imageDigest());
    id.list(fingerprint.injectedMappings());
    id.text(Boolean.toString(fingerprint.execSession()));
    return id.form.toString();
  }

  private void script(@Nullable Script script) {
    if (script == null) {
      form.append('-');
      return;
    }
    text(script.path());
    text(script.sha256());
    text(script.origin().name());
    text(Boolean.toString(script.claimed()));
  }

  private void list(List<String> texts) {
    form.append('[').append(texts.size()).append(']');
    texts.forEach(this::text);
  }

  private void text(@Nullable String text) {
    if (text == null) {
      form.append('-');
    } else {
      form.append(text.length()).append(':').append(text);
    }
  }
}
