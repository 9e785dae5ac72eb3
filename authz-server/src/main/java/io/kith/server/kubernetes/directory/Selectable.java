package io.kith.server.kubernetes.directory;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What labels select as a part of a service: a pod or a WorkloadEntry. */
interface Selectable {
  /** The only namespace that can select it. */
  String namespace();

  Map<String, String> labels();

  boolean isPod();

  /** Whose it is, or null while that is nobody's or not known. */
  Owners.@Nullable Entry owner();
}
