package io.kith.baselines.edge;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.ProcessClass;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a person wrote: these processes may, or may not, reach these destinations.
 *
 * <p>Unlike an edge it may cover classes that nobody has seen yet.
 *
 * @param id {@code e:} and 12 hex digits, of what the rule says
 * @param sha256 of the executable, or null for any
 * @param scriptSha256 of the script, or null for any
 */
public record HandRule(
    String id,
    ProcessPattern process,
    DestinationPattern destination,
    Strictness strictness,
    @Nullable String sha256,
    @Nullable String scriptSha256,
    Provenance.ByHand provenance) {
  public HandRule {
    requireNonNull(id, "id");
    requireNonNull(process, "process");
    requireNonNull(destination, "destination");
    requireNonNull(strictness, "strictness");
    requireNonNull(provenance, "provenance");
    if (strictness == Strictness.HASH && sha256 == null) {
      throw new IllegalArgumentException("rule " + id + ": strictness hash without a sha256");
    }
    if (strictness == Strictness.LINEAGE && process.ancestors() == null) {
      throw new IllegalArgumentException("rule " + id + ": strictness lineage without a lineage");
    }
  }

  public static HandRule of(
      ProcessPattern process,
      DestinationPattern destination,
      Strictness strictness,
      @Nullable String sha256,
      @Nullable String scriptSha256,
      Provenance.ByHand provenance) {
    var text =
        String.join(
            "\n",
            process.toString(),
            destination.toString(),
            strictness.toString(),
            sha256 + " " + scriptSha256,
            provenance.toString());
    return new HandRule(
        ContentId.of("e:", 12, text),
        process,
        destination,
        strictness,
        sha256,
        scriptSha256,
        provenance);
  }

  /** The edge by which it allows a class that it covers. */
  public Edge edgeOf(ProcessClass covered) {
    var ancestors = process.ancestors();
    var demanded =
        strictness == Strictness.LINEAGE && ancestors != null
            ? new ProcessClass(
                covered.path(), covered.program(), covered.script(), ancestors, covered.root())
            : covered;
    return new Edge(id, demanded, destination, strictness, sha256, scriptSha256, provenance);
  }

  /**
   * Whether it denies the flow.
   *
   * @param candidate the process, or null when it is not known: then only a rule for every process
   *     denies
   */
  public boolean denies(@Nullable Candidate candidate, Destination to, Instant now) {
    if (!destination.covers(to) || provenance.endedAt(now)) {
      return false;
    }
    if (candidate == null) {
      return process.isAny() && sha256 == null && scriptSha256 == null;
    }
    var fingerprint = candidate.fingerprint();
    var script = fingerprint.script();
    return process.covers(candidate.processClass())
        && ancestorsAre(candidate.processClass().ancestors())
        && (sha256 == null || sha256.equals(fingerprint.sha256()))
        && (scriptSha256 == null || (script != null && scriptSha256.equals(script.sha256())));
  }

  private boolean ancestorsAre(List<String> actual) {
    return process.ancestors() == null || process.ancestors().equals(actual);
  }

  /** For people: what it says, why, who said so and until when. */
  public String words() {
    return process.words()
        + " → "
        + destination.words()
        + ": "
        + provenance.note()
        + " ("
        + provenance.by()
        + (provenance.until() == null ? "" : ", until " + provenance.until())
        + ")";
  }
}
