package io.kith.baselines.config;

import io.kith.baselines.config.AdminSettings.RoleEntry;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.baselines.yaml.Values;
import io.kith.baselines.yaml.YamlDocument.Section;
import java.util.ArrayList;
import java.util.List;

/** Reads the section {@code server.admin}. */
final class AdminReader {
  private static final Endpoint DEFAULT = Endpoint.parse("unix:/run/kith/admin.sock");

  private AdminReader() {}

  static AdminSettings read(Section admin) {
    var listen = admin.value("listen", Endpoint::parse, DEFAULT);
    var http = admin.section("http").optional("listen", Endpoint::parse);
    if (listen.equals(http) && !isChosenLater(listen)) {
      admin.problem(
          "http",
          http
              + " is admin.listen already (expected: an address of its own, such as"
              + " unix:/run/kith/admin-http.sock)");
    }
    return new AdminSettings(listen, http, roles(admin));
  }

  /* Port 0 is another one each time. */
  private static boolean isChosenLater(Endpoint endpoint) {
    return endpoint instanceof Endpoint.Tcp(_, var port) && port == 0;
  }

  private static List<RoleEntry> roles(Section admin) {
    var roles = new ArrayList<RoleEntry>();
    for (var section : admin.sections("roles")) {
      var uid = section.optional("uid", Values.integer(0, Integer.MAX_VALUE));
      var id = section.optional("spiffeId", SpiffeIdPattern::parse);
      var role = section.value("role", Values.oneOf(AdminRole.class), AdminRole.VIEWER);
      if (section.has("uid") == section.has("spiffeId")) {
        section.problem("uid", "uid and spiffeId: both or none (expected: one of them)");
      } else if (uid != null) {
        roles.add(new RoleEntry.OfUser(uid, role));
      } else if (id != null) {
        roles.add(new RoleEntry.OfId(id, role));
      }
    }
    return roles;
  }
}
