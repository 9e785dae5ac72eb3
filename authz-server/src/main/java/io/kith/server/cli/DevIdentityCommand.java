package io.kith.server.cli;

import io.kith.baselines.config.ConfigException;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.KithConfig.Identity;
import io.kith.baselines.identity.SpiffeId;
import io.kith.server.verb.ConfigFile;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Table;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Clock;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;

/** The development stand-in for SPIRE. */
@Command(
    name = "dev-identity",
    description = {
      "Serve identities for development: a certificate authority in memory, one Unix socket per"
          + " SPIFFE ID of the configuration. Attests nobody; for production use SPIRE.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith dev-identity --config kith.yaml &",
      "  kith server --config kith.yaml",
    })
final class DevIdentityCommand extends Service {
  @Override
  Running start(PrintWriter out) throws Failure, ConfigException, IOException {
    var settings = ConfigFile.read(ConfigFile.require(config.file, surroundings()), surroundings());
    if (!(settings.identity() instanceof Identity.Dev dev)) {
      throw Failure.refused("identity.provider is not dev (expected: identity: {provider: dev})");
    }
    var ids = ids(settings);
    var served = ofDomain(ids, dev.trustDomain());
    if (served.isEmpty()) {
      throw Failure.refused(
          "no SPIFFE ID of the trust domain "
              + dev.trustDomain()
              + " (expected: server.spiffeId, bridge.spiffeId or workloads[].spiffeId)");
    }
    var identity = start(dev, served);
    out.println(DevIdentity.DEV_BANNER);
    out.println();
    var table = new Table("SPIFFE ID", "SOCKET");
    served.forEach(id -> table.row(id.toString(), "unix:" + identity.socketOf(id)));
    table.print(out);
    ids.stream()
        .filter(id -> !served.contains(id))
        .forEach(id -> out.println("not served, another trust domain: " + id));
    out.println("ready");
    return identity::close;
  }

  private static DevIdentity start(Identity.Dev dev, Set<SpiffeId> served)
      throws Failure, IOException {
    try {
      return DevIdentity.start(
          new DevIdentity.Settings(dev.directory(), dev.trustDomain(), dev.ttl(), served),
          Clock.systemUTC());
    } catch (IllegalArgumentException e) {
      throw Failure.refused("identity.dev: " + e.getMessage());
    } catch (IOException e) {
      throw new IOException(
          "identity.dev.directory: " + (e.getMessage() == null ? e : e.getMessage()), e);
    }
  }

  private static Set<SpiffeId> ids(KithConfig settings) {
    return Stream.concat(
            Stream.of(settings.server().spiffeId(), settings.bridge().spiffeId()),
            settings.workloads().stream().map(entry -> entry.id()))
        .filter(Objects::nonNull)
        .map(Objects::requireNonNull)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static Set<SpiffeId> ofDomain(Set<SpiffeId> ids, String trustDomain) {
    return ids.stream()
        .filter(id -> id.trustDomain().equals(trustDomain) && !id.path().isEmpty())
        .collect(Collectors.toCollection(TreeSet::new));
  }
}
