package io.kith.baselines.decision;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import java.util.List;
import org.jspecify.annotations.Nullable;

/*
 * No record, a subclass of the table of what is enforced instead of its owner, and with a copy of
 * what its rules say: one more object on the way to an answer is one more miss of all caches.
 */
/** All that is needed to decide for one workload, compiled once and never changed. */
public final class Snapshot extends KnownFlows {
  private final @Nullable String revision;
  private final boolean refusing;
  private final Mode mode;
  private final boolean unattributedAllowed;
  private final Origin origin;
  private final @Nullable Rules enforced;
  private final @Nullable Rules proposed;
  private final Circumstances circumstances;

  /**
   * A snapshot of these.
   *
   * @param mode of the workload's egress
   * @param unattributedAllowed a rule lets flows pass whose process is not known
   * @param origin where the workload's code has to come from: image or host
   * @param enforced what decides under enforce; null before the first baseline
   * @param proposed what would decide next, or null
   * @param circumstances what is true now and is no part of a baseline
   */
  public Snapshot(
      Mode mode,
      boolean unattributedAllowed,
      Origin origin,
      @Nullable Rules enforced,
      @Nullable Rules proposed,
      Circumstances circumstances) {
    super(enforced == null ? KnownFlows.NONE : enforced.edges().known());
    this.revision = enforced == null ? null : enforced.revision();
    this.refusing = enforced != null && enforced.isRefusing();
    this.mode = requireNonNull(mode, "mode");
    this.unattributedAllowed = unattributedAllowed;
    this.origin = requireNonNull(origin, "origin");
    this.enforced = enforced;
    this.proposed = proposed;
    this.circumstances = requireNonNull(circumstances, "circumstances");
    if (mode == Mode.ENFORCE && enforced == null) {
      throw new IllegalArgumentException("mode: enforce (expected: a baseline to enforce first)");
    }
  }

  /** Of a workload whose code is that of its image. */
  public Snapshot(
      Mode mode, boolean unattributedAllowed, @Nullable Rules enforced, @Nullable Rules proposed) {
    this(mode, unattributedAllowed, Origin.IMAGE, enforced, proposed);
  }

  /** Of a workload whose code is that of its image, with what is true now. */
  public Snapshot(
      Mode mode,
      boolean unattributedAllowed,
      @Nullable Rules enforced,
      @Nullable Rules proposed,
      Circumstances circumstances) {
    this(mode, unattributedAllowed, Origin.IMAGE, enforced, proposed, circumstances);
  }

  /** With nothing that is true only now. */
  public Snapshot(
      Mode mode,
      boolean unattributedAllowed,
      Origin origin,
      @Nullable Rules enforced,
      @Nullable Rules proposed) {
    this(mode, unattributedAllowed, origin, enforced, proposed, Circumstances.NONE);
  }

  /** A workload about which nothing is known yet. */
  public static Snapshot observing() {
    return new Snapshot(Mode.OBSERVE, false, null, null);
  }

  /** Mode of the workload's egress. */
  public Mode mode() {
    return mode;
  }

  /** Whether a rule lets flows pass whose process is not known. */
  public boolean unattributedAllowed() {
    return unattributedAllowed;
  }

  /** Where the workload's code has to come from: image or host. */
  public Origin origin() {
    return origin;
  }

  /** What decides under enforce; null before the first baseline. */
  public @Nullable Rules enforced() {
    return enforced;
  }

  /** What would decide next, or null. */
  public @Nullable Rules proposed() {
    return proposed;
  }

  /** What is true now and is no part of a baseline. */
  public Circumstances circumstances() {
    return circumstances;
  }

  /** The edge that a table of known flows has for it; null when the edges have to be searched. */
  @Nullable Edge known(Rules rules, ProcessClass process, Destination to) {
    return isEnforced(rules) ? find(process, to) : rules.edges().known().find(process, to);
  }

  /** Whether there is anything that people deny by these rules. */
  boolean isRefusing(Rules rules) {
    return isEnforced(rules) ? refusing : rules.isRefusing();
  }

  /** The baseline of these rules, without any of those that are enforced; null before the first. */
  @Nullable String revision(@Nullable Rules rules) {
    return rules == null || isEnforced(rules) ? revision : rules.revision();
  }

  @SuppressWarnings("ReferenceEquality") // which they are, not what they say
  private boolean isEnforced(Rules rules) {
    return rules == enforced;
  }

  /**
   * A baseline together with what people allowed and denied.
   *
   * @param revision of the baseline
   * @param denied asked before every edge; the first that covers a flow denies it
   * @param quarantined the same, with another reason
   */
  public record Rules(
      String revision, EdgeIndex edges, List<HandRule> denied, List<HandRule> quarantined) {
    public Rules {
      denied = List.copyOf(denied);
      quarantined = List.copyOf(quarantined);
    }

    /** Whether it has a rule that denies. */
    boolean isRefusing() {
      return !denied.isEmpty() || !quarantined.isEmpty();
    }

    public static Rules of(Baseline baseline, List<Edge> byHand) {
      return new Rules(
          baseline.revision(),
          EdgeIndex.of(baseline.edges(), byHand, List.of()),
          List.of(),
          List.of());
    }

    /** Allowed by hand, and the baseline, without what is denied by hand. */
    public static Rules of(Baseline baseline, List<Edge> byHand, HandRules rules) {
      return new Rules(
          baseline.revision(),
          EdgeIndex.of(baseline.edges(), byHand, rules.allowed()),
          rules.denied(),
          rules.quarantined());
    }
  }
}
