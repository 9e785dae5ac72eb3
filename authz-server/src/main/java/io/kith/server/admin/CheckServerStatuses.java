package io.kith.server.admin;

import io.kith.admin.v1.CheckServerStatus;
import java.util.List;

/** Who knows which check servers follow this server. */
@FunctionalInterface
public interface CheckServerStatuses {
  List<CheckServerStatus> now();
}
