package io.kith.server.admin;

import io.kith.admin.v1.BridgeStatus;
import java.util.List;

/** The identity bridges that are connected now. Thread-safe, answers from memory. */
public interface BridgeStatuses {
  List<BridgeStatus> now();
}
