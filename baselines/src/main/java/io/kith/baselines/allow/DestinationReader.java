package io.kith.baselines.allow;

import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.DestinationPattern.Written;
import io.kith.baselines.destination.DnsName;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.yaml.Values;
import io.kith.baselines.yaml.YamlDocument.Section;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads {@code destination:} of a rule: {@code host} or {@code cidr}, {@code port} or {@code
 * ports}, {@code protocol}.
 */
public final class DestinationReader {
  private static final Pattern HOST =
      Pattern.compile(
          "(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
              + "(\\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*");

  private final PublicSuffixes suffixes;

  public DestinationReader(PublicSuffixes suffixes) {
    this.suffixes = suffixes;
  }

  /**
   * The destination of a rule, or null when it is wrong, which is reported.
   *
   * @param deny what is not given then means everything; a name counts however weak its evidence
   */
  @Nullable Written read(Section rule, boolean deny) {
    if (!rule.has("destination")) {
      if (!deny) {
        rule.problem("destination", "missing (expected: {host: …, port: …} or {cidr: …, port: …})");
      }
      rule.section("destination");
      return deny ? new Written(new Place.Anywhere(), Ports.ANY, null) : null;
    }
    return read(rule.section("destination"), deny, !deny);
  }

  /** The destination that a section holds, or null when it is wrong, which is reported. */
  public @Nullable Written read(Section destination, boolean deny, boolean portNeeded) {
    var host = destination.optional("host", text -> host(text, deny));
    var cidr = destination.optional("cidr", text -> new Place.Within(Cidr.parse(text), deny));
    var port = destination.optional("port", Ports::parse);
    var ports = destination.optional("ports", Ports::parse);
    var named = destination.optional("protocol", Values.oneOf(Protocol.class));
    if (destination.has("host") == destination.has("cidr")) {
      destination.problem("host", "with a cidr or without both (expected: a host or a cidr)");
      return null;
    }
    if (destination.has("port") && destination.has("ports")) {
      destination.problem("ports", "beside port (expected: one of them)");
    } else if (portNeeded && !destination.has("port") && !destination.has("ports")) {
      destination.problem("port", "missing (expected: port: 443 or ports: 9000-9100)");
      return null;
    }
    var protocol = named == null && !deny ? Protocol.TCP : named;
    var place = host != null ? host : cidr;
    return place == null
        ? null
        : new Written(place, port != null ? port : ports != null ? ports : Ports.ANY, protocol);
  }

  private Place host(String text, boolean deny) {
    if (text.contains("/")) {
      return new Place.Named(
          Owner.parse(text).toString(), deny ? Evidence.ADDRESS : Evidence.OWNER);
    }
    var name = DnsName.compared(text);
    if (isAddress(name)) {
      throw new IllegalArgumentException(
          "'" + text + "' is an address (expected: cidr: " + name + ")");
    }
    var wildcard = name.startsWith("*.");
    var base = wildcard ? name.substring(2) : name;
    if (!HOST.matcher(base).matches()) {
      throw new IllegalArgumentException(
          "'"
              + text
              + "' (expected: api.example.com, *.example.com or namespace/kind/name; other letters"
              + " than a to z as xn--…)");
    }
    var weakest = deny ? Evidence.ADDRESS : weakest(base);
    if (!wildcard) {
      return new Place.Named(base, weakest);
    }
    if (!base.contains(".") || (!Reach.isOfTheMesh(base) && suffixes.registrable(base) == null)) {
      throw new IllegalArgumentException(
          "'"
              + text
              + "' covers names of strangers: anybody can register below "
              + base
              + " (expected: a wildcard below a name of one owner, as *.example.com)");
    }
    return new Place.Below(base, weakest);
  }

  private static boolean isAddress(String name) {
    try {
      IpAddress.parse(name);
      return true;
    } catch (IllegalArgumentException _) {
      return false;
    }
  }

  /** A name of the mesh counts only where the proxy routes; another also where DNS told the pod. */
  private static Evidence weakest(String name) {
    return Reach.isOfTheMesh(name) ? Evidence.MESH_SERVICE : Evidence.DNS;
  }
}
