package io.kith.baselines.edge;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.process.ProcessClass;
import org.jspecify.annotations.Nullable;

/**
 * A process class of a workload may reach a destination.
 *
 * @param id short and stable: {@code e:} and 12 hex digits
 * @param strictness what it demands of the process beyond the class
 * @param sha256 of the executable, for {@link Strictness#HASH}; else null
 * @param scriptSha256 of the script, for {@link Strictness#HASH} and interpreters; else null
 */
public record Edge(
    String id,
    ProcessClass process,
    DestinationPattern destination,
    Strictness strictness,
    @Nullable String sha256,
    @Nullable String scriptSha256,
    Provenance provenance) {
  /** One for all. */
  private static final Provenance LEARNED = new Provenance.Learned();

  public Edge {
    requireNonNull(id, "id");
    requireNonNull(process, "process");
    requireNonNull(destination, "destination");
    requireNonNull(strictness, "strictness");
    requireNonNull(provenance, "provenance");
    provenance = provenance instanceof Provenance.Learned ? LEARNED : provenance;
    if (strictness == Strictness.HASH && sha256 == null) {
      throw new IllegalArgumentException("edge " + id + ": strictness hash without a sha256");
    }
  }

  /** An edge as the learner makes it. */
  public static Edge learned(ProcessClass process, DestinationPattern destination) {
    return new Edge(
        ContentId.of("e:", 12, process + "\n" + destination),
        process,
        destination,
        Strictness.CLASS,
        null,
        null,
        LEARNED);
  }

  /** An edge that a rollout brought, until a person has looked. */
  public static Edge inGrace(
      ProcessClass process, DestinationPattern destination, Provenance.Grace grace) {
    return new Edge(
        ContentId.of("e:", 12, process + "\n" + destination),
        process,
        destination,
        Strictness.CLASS,
        null,
        null,
        grace);
  }

  /** An edge as a person allows it: this very binary when it is not from the image. */
  public static Edge byHand(
      ProcessClass process,
      DestinationPattern destination,
      @Nullable String sha256,
      @Nullable String scriptSha256,
      Provenance.ByHand provenance) {
    var strictness = sha256 == null ? Strictness.CLASS : Strictness.HASH;
    return new Edge(
        ContentId.of("e:", 12, process + "\n" + destination + "\n" + sha256 + "\n" + provenance),
        process,
        destination,
        strictness,
        sha256,
        scriptSha256,
        provenance);
  }

  /** The same edge, with an equal class that others have as well. */
  @SuppressWarnings("ReferenceEquality") // one object is the point
  Edge of(ProcessClass equal) {
    return equal == process
        ? this
        : new Edge(id, equal, destination, strictness, sha256, scriptSha256, provenance);
  }

  /** For people: {@code /usr/bin/python# /srv/checkout.py → orders-db:5432}. */
  public String words() {
    return process.words() + " → " + destination.words();
  }

  /** What the id of a revision is made of, as is the text of its parts: it stays as it is. */
  @Override
  public String toString() {
    return "Edge[id="
        + id
        + ", process="
        + process
        + ", destination="
        + destination
        + ", strictness="
        + strictness
        + ", sha256="
        + sha256
        + ", scriptSha256="
        + scriptSha256
        + ", provenance="
        + provenance
        + "]";
  }
}
