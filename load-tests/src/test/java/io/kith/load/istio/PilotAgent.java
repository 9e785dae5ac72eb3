package io.kith.load.istio;

import io.kith.load.lab.EnvoyProxy;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.Istio;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What pilot-agent finds around it: a folder with a token and istiod's certificate, and its own
 * view of the files that say where names lead. It looks below its working directory, so it needs no
 * root file system.
 *
 * @param folder its working directory
 */
record PilotAgent(Path folder, Path program, Path envoy) {
  static final int ENVOY_ADMIN = 15_000;
  static final int STATUS = 15_020;

  /**
   * Makes the programs readable for Istio's user, wherever the cache lies, and becomes it. A name
   * server on loopback that is not there is one that says so at once.
   */
  private static final String RUN =
      """
      set -eu
      cd "$1"; shift
      for one in agent envoy; do
        : > $one
      done
      mount --bind "$1" agent
      mount --bind "$2" envoy
      mount --bind hosts /etc/hosts
      mount --bind resolv.conf /etc/resolv.conf
      shift 2
      exec setpriv --reuid %1$d --regid %1$d --clear-groups --no-new-privs --bounding-set=-all \\
        ./agent "$@"
      """
          .formatted(EnvoyProxy.UID);

  /**
   * What Envoy starts with: Istio's template is in no program of its. Ours leaves out its two
   * listeners for probes and scrapers, and counts everything.
   */
  private static final String BOOTSTRAP = "bootstrap.json";

  /**
   * Fills the folder for an account of a namespace.
   *
   * @param moreHosts a line of its hosts file
   */
  static PilotAgent prepare(
      Path folder,
      ControlPlane plane,
      String namespace,
      String account,
      String moreHosts,
      Istio istio,
      Envoy envoy)
      throws IOException {
    var tokens = Files.createDirectories(folder.resolve("var/run/secrets/tokens"));
    Files.writeString(tokens.resolve("istio-token"), plane.token(namespace, account));
    var roots = Files.createDirectories(folder.resolve("var/run/secrets/istio"));
    Files.writeString(roots.resolve("root-cert.pem"), plane.rootCertificate(namespace));
    Files.createDirectories(folder.resolve("etc/istio/proxy"));
    Files.createDirectories(folder.resolve("etc/istio/pod"));
    Files.createDirectories(folder.resolve("certificates"));
    Files.writeString(
        folder.resolve("hosts"),
        "127.0.0.1 localhost\n%s %s\n%s\n"
            .formatted(plane.host().v4().getHostAddress(), ControlPlane.ISTIOD, moreHosts));
    Files.writeString(folder.resolve("resolv.conf"), "nameserver 127.0.0.1\n");
    try (var text = PilotAgent.class.getResourceAsStream(BOOTSTRAP)) {
      Files.write(folder.resolve(BOOTSTRAP), text.readAllBytes());
    }
    try (var all = Files.walk(folder)) {
      for (var one : all.toList()) {
        Files.setAttribute(one, "unix:uid", EnvoyProxy.UID);
        Files.setAttribute(one, "unix:gid", EnvoyProxy.UID);
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    return new PilotAgent(folder, istio.agent().toRealPath(), envoy.program().toRealPath());
  }

  Path certificates() {
    return folder.resolve("certificates");
  }

  /** The command line that runs it with these arguments, with mounts of its own. */
  List<String> command(List<String> arguments) {
    var argv =
        new ArrayList<>(
            List.of(
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                RUN,
                "sh",
                folder.toString(),
                program.toString(),
                envoy.toString()));
    argv.addAll(arguments);
    return argv;
  }

  /**
   * The environment: Istio's, but for where things lie, and without the search for a cloud.
   * Listeners drain as long as Istio has it: with less, a drain ends requests that are under way.
   *
   * @param base what a pod of Istio would have
   */
  Map<String, String> environment(Map<String, String> base, int statusPort) {
    var environment = new HashMap<>(base);
    environment.put("CLOUD_PLATFORM", "none");
    environment.putIfAbsent("TRUST_DOMAIN", "cluster.local");
    environment.putIfAbsent("CA_ADDR", ControlPlane.ISTIOD + ":15012");
    environment.put("OUTPUT_CERTS", certificates().toString());
    environment.put("ISTIO_BOOTSTRAP", folder.resolve(BOOTSTRAP).toString());
    environment.put(
        "PROXY_CONFIG",
        """
        {"discoveryAddress": "%s:15012", "binaryPath": "%s", "configPath": "./etc/istio/proxy", "concurrency": 2,
         "proxyAdminPort": %d, "statusPort": %d, "terminationDrainDuration": "1s"}
        """
            .formatted(ControlPlane.ISTIOD, folder.resolve("envoy"), ENVOY_ADMIN, statusPort));
    return environment;
  }
}
