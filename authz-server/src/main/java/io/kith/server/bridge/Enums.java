package io.kith.server.bridge;

import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;

/** The protocol's enums in the words of the domain; what is not known is the weakest. */
final class Enums {
  private Enums() {}

  static Rung rung(io.kith.bridge.v1.Rung rung) {
    return switch (rung) {
      case RUNG_WORKLOAD_ONLY -> Rung.WORKLOAD_ONLY;
      case RUNG_DIAG -> Rung.DIAG;
      case RUNG_KERNEL_PID -> Rung.KERNEL_PID;
      case RUNG_KERNEL_EXACT -> Rung.KERNEL_EXACT;
      case RUNG_KERNEL_EXACT_SENDER -> Rung.KERNEL_EXACT_SENDER;
      case RUNG_UNSPECIFIED, UNRECOGNIZED -> Rung.NONE;
    };
  }

  static Quality quality(io.kith.bridge.v1.Quality quality) {
    return switch (quality) {
      case QUALITY_PRE_EXISTING -> Quality.PRE_EXISTING;
      case QUALITY_HOLDER -> Quality.HOLDER;
      case QUALITY_IMAGE_UNVERIFIED -> Quality.IMAGE_UNVERIFIED;
      case QUALITY_EXACT_SHARED -> Quality.EXACT_SHARED;
      case QUALITY_EXACT -> Quality.EXACT;
      case QUALITY_UNSPECIFIED, UNRECOGNIZED -> Quality.UNKNOWN;
    };
  }

  static Origin origin(io.kith.bridge.v1.Origin origin) {
    return switch (origin) {
      case ORIGIN_IMAGE -> Origin.IMAGE;
      case ORIGIN_WRITABLE_LAYER -> Origin.WRITABLE_LAYER;
      case ORIGIN_MOUNT -> Origin.MOUNT;
      case ORIGIN_MEMFD -> Origin.MEMFD;
      case ORIGIN_DELETED -> Origin.DELETED;
      case ORIGIN_HOST -> Origin.HOST;
      case ORIGIN_UNSPECIFIED, UNRECOGNIZED -> Origin.UNKNOWN;
    };
  }

  static EntryKind entryKind(io.kith.bridge.v1.EntryKind kind) {
    return switch (kind) {
      case ENTRY_KIND_NATIVE -> EntryKind.NATIVE;
      case ENTRY_KIND_SCRIPT -> EntryKind.SCRIPT;
      case ENTRY_KIND_JVM_MAIN -> EntryKind.JVM_MAIN;
      case ENTRY_KIND_MODULE -> EntryKind.MODULE;
      case ENTRY_KIND_INLINE -> EntryKind.INLINE;
      case ENTRY_KIND_UNSPECIFIED, UNRECOGNIZED -> EntryKind.UNKNOWN;
    };
  }
}
