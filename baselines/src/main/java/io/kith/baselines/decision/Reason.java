package io.kith.baselines.decision;

import io.kith.baselines.process.Origin;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Why a flow is denied.
 *
 * <p>{@link #code()} is the word in logs, metrics and spans and never changes; the record's parts
 * are what {@link Explanation} needs for its sentence.
 */
public sealed interface Reason {
  /** Metric label and log field, in lower case with underscores. */
  String code();

  /** The workload has no baseline to decide by. */
  record NoBaseline() implements Reason {
    @Override
    public String code() {
      return "no_baseline";
    }
  }

  /** No approved edge has this process class. */
  record NewProcess() implements Reason {
    @Override
    public String code() {
      return "new_process";
    }
  }

  /** The process class is known and never went there. */
  record NewDestination() implements Reason {
    @Override
    public String code() {
      return "new_destination";
    }
  }

  /** The executable, or the script of a known class, does not come from the image. */
  record OriginNotInImage(Origin origin) implements Reason {
    @Override
    public String code() {
      return "origin_not_in_image";
    }
  }

  /** The edge demands another binary or script. */
  record HashChanged(String expected, @Nullable String seen) implements Reason {
    @Override
    public String code() {
      return "hash_changed";
    }
  }

  /** The edge demands other ancestors. */
  record LineageMismatch(List<String> expected) implements Reason {
    public LineageMismatch {
      expected = List.copyOf(expected);
    }

    @Override
    public String code() {
      return "lineage_mismatch";
    }
  }

  /** An interpreter with code on its command line or standard input. */
  record InterpreterInline() implements Reason {
    @Override
    public String code() {
      return "interpreter_inline";
    }
  }

  /** Executable mappings that are not from the image. */
  record InjectedCode(List<String> mappings) implements Reason {
    public InjectedCode {
      mappings = List.copyOf(mappings);
    }

    @Override
    public String code() {
      return "injected_code";
    }
  }

  /** The process is attested as another workload, or the Check came from another pod. */
  record IdentityMismatch(String detail) implements Reason {
    @Override
    public String code() {
      return "identity_mismatch";
    }
  }

  /** SNI or Host names another workload than the connection reaches. */
  record NameMismatch(String detail) implements Reason {
    @Override
    public String code() {
      return "name_mismatch";
    }
  }

  /** A person denied it and keeps it from being learned: what, why, who and until when. */
  record Quarantined(String why) implements Reason {
    @Override
    public String code() {
      return "quarantined";
    }
  }

  /** What allowed it has ended. */
  record Expired(Instant until) implements Reason {
    @Override
    public String code() {
      return "expired";
    }
  }

  /** The bridge does not know the process. */
  record Unattributed(String detail) implements Reason {
    @Override
    public String code() {
      return "unattributed";
    }
  }

  /** No bridge answered for the pod. */
  record BridgeUnavailable(String detail) implements Reason {
    @Override
    public String code() {
      return "bridge_unavailable";
    }
  }

  /** Egress that did not go through the proxy. */
  record Unmediated() implements Reason {
    @Override
    public String code() {
      return "unmediated";
    }
  }

  /** A person denied it. */
  record DeniedByHand(String note) implements Reason {
    @Override
    public String code() {
      return "denied_by_hand";
    }
  }

  /** The caller's provenance header is missing, forged or stale. */
  record BadProvenance(String detail) implements Reason {
    @Override
    public String code() {
      return "bad_provenance";
    }
  }

  /** The TLS peer of the Check may not ask, or is nobody's workload. */
  record UnknownReporter(String detail) implements Reason {
    @Override
    public String code() {
      return "unknown_reporter";
    }
  }

  /** A field of the Check is missing or hostile. */
  record Malformed(String detail) implements Reason {
    @Override
    public String code() {
      return "malformed";
    }
  }

  /** The server had too much to do. */
  record Overloaded() implements Reason {
    @Override
    public String code() {
      return "overloaded";
    }
  }

  /** The answer was not ready in time. */
  record Deadline() implements Reason {
    @Override
    public String code() {
      return "deadline";
    }
  }

  /** The server failed inside. */
  record Internal() implements Reason {
    @Override
    public String code() {
      return "internal";
    }
  }
}
