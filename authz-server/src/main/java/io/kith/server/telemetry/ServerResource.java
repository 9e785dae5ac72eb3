package io.kith.server.telemetry;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.sdk.resources.Resource;
import java.lang.System.Logger.Level;
import java.net.InetAddress;
import java.net.URLDecoder;
import java.net.UnknownHostException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Which server something is of, for a collector: {@code service.name}, {@code service.version},
 * {@code service.instance.id} and {@code host.name}, and what the environment says besides or
 * instead, as the specification of OpenTelemetry's SDK has it.
 */
final class ServerResource {
  private static final System.Logger LOG = System.getLogger(ServerResource.class.getName());
  private static final String SERVICE = "kith-authz-server";
  private static final String ATTRIBUTES = "OTEL_RESOURCE_ATTRIBUTES";
  private static final String NAME = "OTEL_SERVICE_NAME";

  private ServerResource() {}

  /** That of this process. */
  static Resource of(String version, Map<String, String> environment) {
    return of(version, host(), ProcessHandle.current().pid(), environment);
  }

  /**
   * That of a server.
   *
   * @param host name of the machine, or of the pod
   * @param pid 1 where a container has nothing but the server, which its host's name tells then
   */
  static Resource of(String version, String host, long pid, Map<String, String> environment) {
    var all = new LinkedHashMap<String, String>();
    all.put("service.name", SERVICE);
    all.put("service.version", version);
    all.put("service.instance.id", pid == 1 ? host : host + "-" + pid);
    all.put("host.name", host);
    all.putAll(attributes(environment.getOrDefault(ATTRIBUTES, "")));
    var name = environment.getOrDefault(NAME, "");
    if (!name.isBlank()) {
      all.put("service.name", name.strip());
    }
    var attributes = Attributes.builder();
    all.forEach(attributes::put);
    return Resource.getDefault().merge(Resource.create(attributes.build()));
  }

  /** {@code key=value,key=value}, percent-encoded; all of it is left out when some is not that. */
  private static Map<String, String> attributes(String text) {
    var attributes = new LinkedHashMap<String, String>();
    for (var part : text.split(",", -1)) {
      if (part.isBlank()) {
        continue;
      }
      var equals = part.indexOf('=');
      var key = part.substring(0, Math.max(0, equals)).strip();
      try {
        if (key.isEmpty()) {
          throw new IllegalArgumentException("no key");
        }
        attributes.put(key, decoded(part.substring(equals + 1).strip()));
      } catch (IllegalArgumentException _) {
        LOG.log(
            Level.WARNING,
            ATTRIBUTES
                + " is not used: part=''{0}'' (expected: key=value,key=value with values"
                + " percent-encoded)",
            part.strip());
        return Map.of();
      }
    }
    return attributes;
  }

  /** The decoder is one of forms, where a plus is a blank. */
  private static String decoded(String value) {
    return URLDecoder.decode(value.replace("+", "%2B"), UTF_8);
  }

  private static String host() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException _) {
      return "localhost";
    }
  }
}
