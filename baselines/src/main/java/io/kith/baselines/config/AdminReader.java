package io.kith.baselines.config;

import io.kith.baselines.config.AdminSettings.RoleEntry;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.baselines.yaml.Values;
import io.kith.baselines.yaml.YamlDocument.Section;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads the section {@code server.admin}. */
final class AdminReader {
  private static final Endpoint DEFAULT = Endpoint.parse("unix:/run/kith/admin.sock");

  private AdminReader() {}

  static AdminSettings read(Section admin) {
    var listen = admin.value("listen", Endpoint::parse, DEFAULT);
    var http = admin.section("http").optional("listen", Endpoint::parse);
    if (http != null && http.equals(listen) && !isChosenLater(listen)) {
      admin.problem(
          "http",
          http
              + " is admin.listen already (expected: an address of its own, such as"
              + " unix:/run/kith/admin-http.sock)");
    }
    var oidc = oidc(admin.section("oidc"));
    if (oidc != null && !(listen instanceof Endpoint.Tcp) && !(http instanceof Endpoint.Tcp)) {
      admin.problem(
          "oidc",
          "tokens are taken over TLS only, and here are Unix sockets only (expected: host:port in"
              + " admin.listen or admin.http.listen)");
    }
    return new AdminSettings(listen, http, roles(admin), oidc, limits(admin.section("limits")));
  }

  private static AdminLimits limits(Section limits) {
    var defaults = AdminLimits.DEFAULT;
    return new AdminLimits(
        rate(limits.section("reads"), defaults.reads()),
        rate(limits.section("changes"), defaults.changes()),
        limits.value("streams", Values.integer(1, 1_000), defaults.streams()));
  }

  private static AdminLimits.Rate rate(Section rate, AdminLimits.Rate defaults) {
    return new AdminLimits.Rate(
        rate.value("perSecond", Values.integer(1, 100_000), defaults.perSecond()),
        rate.value("burst", Values.integer(1, 100_000), defaults.burst()));
  }

  private static @Nullable OidcSettings oidc(Section oidc) {
    var authorities = oidc.optional("caFile", Values::path);
    var roles = oidc.section("roles");
    var claim = roles.value("claim", Values::text, "groups");
    var viewers = roles.list("viewer", Values::text);
    var operators = roles.list("operator", Values::text);
    var admins = roles.list("admin", Values::text);
    var nobody = viewers.isEmpty() && operators.isEmpty() && admins.isEmpty();
    if (!oidc.has("issuer") && !oidc.has("audience") && authorities == null && nobody) {
      return null;
    }
    var issuer = oidc.required("issuer", AdminReader::issuer, "the issuer of the tokens");
    var audience = oidc.required("audience", Values::text, "what tokens for Kith are for");
    if (authorities != null && issuer != null && "http".equals(issuer.getScheme())) {
      oidc.problem("caFile", "the issuer is asked without TLS (expected: an issuer with https)");
    }
    if (nobody) {
      oidc.problem(
          "roles", "nobody (expected: values of the claim, under viewer, operator or admin)");
    }
    return issuer == null || audience == null
        ? null
        : new OidcSettings(issuer, audience, claim, viewers, operators, admins, authorities);
  }

  private static URI issuer(String text) {
    return OidcSettings.requireTrustworthy(Values.httpUri(text));
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
