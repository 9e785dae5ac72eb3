package io.kith.baselines.config;

import io.kith.baselines.config.KithConfig.Keys;
import io.kith.baselines.config.KithConfig.Server;
import io.kith.baselines.yaml.YamlDocument.Section;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** What a server's role asks of its other settings: {@code server}, {@code server.keys}, store. */
record RoleRules(Section server, Section keys, Section store) {
  /** Adds what does not fit to the problems of the document. */
  void check(Server settings, StoreSettings kept, Keys named) {
    switch (settings.role()) {
      case ALL -> requireOwnStore(kept);
      case CONTROL -> {
        requireOwnStore(kept);
        if (settings.checkIds().isEmpty() && !server.has("checkIds")) {
          server.problem(
              "checkIds",
              "missing, and a control server answers no Checks itself (expected: SPIFFE IDs of the"
                  + " check servers, or role all)");
        }
      }
      case CHECK -> requireControl(settings, named);
    }
  }

  private void requireOwnStore(StoreSettings kept) {
    if (kept instanceof StoreSettings.Control) {
      store.problem(
          "type",
          "control is the store of check servers (expected: server.role check, or another store)");
    }
  }

  private void requireControl(Server settings, Keys named) {
    if (!store.value("type", text -> text, "").equals("control")) {
      store.problem(
          "type",
          "a check server has no store of its own (expected: control, with servers and serverId)");
    }
    if (named.trusted().isEmpty() && !keys.has("trusted")) {
      keys.problem(
          "trusted",
          "missing (expected: the public learner's keys of the control servers, by which what they"
              + " say is verified)");
    }
    refuse(named.learner(), "learner", "trusted");
    refuse(named.approver(), "approver", "approvers");
    if (!settings.checkIds().isEmpty()) {
      server.problem("checkIds", "no server follows a check server (expected: none)");
    }
  }

  private void refuse(@Nullable Path pair, String key, String instead) {
    if (pair != null) {
      keys.problem(
          key,
          "a check server signs nothing (expected: none, and the public key of the control"
              + " servers' under "
              + instead
              + ")");
    }
  }
}
