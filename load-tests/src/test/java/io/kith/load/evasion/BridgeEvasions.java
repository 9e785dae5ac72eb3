package io.kith.load.evasion;

import static io.kith.load.evasion.Evasion.refused;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.bridge.guard.GuardReason;
import io.kith.load.evasion.Evasion.Place;
import io.kith.load.mesh.Mesh;
import io.kith.load.mesh.Rounds;
import java.util.List;

/** Deceiving, blinding or ending the bridge. */
final class BridgeEvasions {
  private static final int ROUNDS = 20;

  private BridgeEvasions() {}

  static List<Evasion> all() {
    return List.of(
        refused(
            "A forged tuple, made in a network of one's own",
            "T1564, T1499",
            "`new_process`: the record carries the network namespace's cookie",
            it -> {
              var forged =
                  it.perl(
                      "forge-tuple.pl",
                      "SELF",
                      "DB",
                      "/bin/bash",
                      "-c",
                      "timeout 1 /app/poll DB 5432 22100 2>&1; echo forged");
              assertThat(forged.text()).contains("forged").doesNotContain("SIOC");
              it.isDenied(
                  "/usr/bin/perl /tmp/from-port.pl",
                  "new_process",
                  () -> it.perl("from-port.pl", "DB", "5432", "22100"));
            }),
        refused(
                "The port of an allowed connection, used again at once",
                "T1036",
                "`new_process`: all recent owners of a tuple must be allowed",
                it -> {
                  var next = 22_200;
                  for (var i = 0; i < ROUNDS; i++) {
                    var end = System.nanoTime() + Intruder.LIMIT.toNanos();
                    String port;
                    Intruder.Said said;
                    do { // again where a busy machine refused it undecided, from a port that is new
                      port = Integer.toString(next++);
                      said = it.app("/app/poll", "DB", "5432", port);
                    } while (!said.text().contains(it.mesh.database().token())
                        && System.nanoTime() < end);
                    assertThat(said.text()).contains(it.mesh.database().token());
                    var used = port;
                    it.isDenied(
                        "/usr/bin/perl /tmp/from-port.pl",
                        "new_process",
                        () -> it.perl("from-port.pl", "DB", "5432", used));
                  }
                  assertThat(it.mesh.denials()).anyMatch(Rounds::hasAnothersPort);
                })
            .onlyIn(Place.NAMESPACES),
        refused(
                "More connections than the bridge remembers",
                "T1499, T1562.001",
                "of each pod the last connections are kept; what is not known is `unattributed` and"
                    + " refused",
                it -> {
                  var storm =
                      it.at
                          .podWithoutSidecar()
                          .start(
                              1000,
                              "",
                              it.argv("/usr/bin/perl", "/tmp/storm.pl", "DB", "9", "70000"));
                  try {
                    it.isDenied(
                        "/usr/bin/perl /tmp/exfil.pl",
                        "new_process",
                        () -> it.perl("exfil.pl", "DB", "5432"));
                    it.at.assertWorks();
                  } finally {
                    storm.kill();
                  }
                })
            .onlyIn(Place.NAMESPACES),
        refused(
            "Another pod's cgroup in `mountinfo`",
            "T1036, T1611",
            "`new_process`, for the workload that it is: containers are known by"
                + " `/proc/PID/cgroup` and the socket's cgroup only",
            it ->
                it.isDenied(
                    "/usr/bin/perl /tmp/exfil.pl",
                    "new_process",
                    () ->
                        it.bash(
                            "place=/tmp/kubepods/pod11111111-2222-3333-4444-555555555555/$(printf"
                                + " 'a%.0s' {1..64}); mkdir -p $place /tmp/over; exec /usr/bin/perl"
                                + " /tmp/mount-over.pl $place /tmp/over /usr/bin/perl /tmp/exfil.pl"
                                + " DB 5432"))),
        refused(
                "A cgroup of one's own, named as another container's",
                "T1036, T1611",
                "`new_process`: the outermost container of a path counts, and the guard holds for all"
                    + " below it. It takes CAP_SYS_ADMIN",
                it -> {
                  it.isDenied(
                      "/usr/bin/perl /tmp/exfil.pl",
                      "new_process",
                      () ->
                          it.rootPerl(
                              "own-cgroup.pl",
                              "1000",
                              "/usr/bin/perl",
                              "/tmp/exfil.pl",
                              "DB",
                              "5432"));
                  it.isRefusedByTheGuard(
                      GuardReason.PROXY_USER,
                      "/usr/bin/perl /tmp/exfil.pl",
                      () ->
                          it.rootPerl(
                              "own-cgroup.pl",
                              "1337",
                              "/usr/bin/perl",
                              "/tmp/exfil.pl",
                              "DB",
                              "5432"));
                })
            .onlyIn(Place.CONTAINER),
        refused(
            "Programs of one's own in the kernel (BPF), the machine's cgroups",
            "T1611, T1014",
            "the kernel: both need capabilities that a container is not given. Whoever has left the"
                + " container is out of scope",
            it -> {
              var said = it.perl("bpf.pl");

              assertThat(said.text())
                  .contains("bpf: Operation not permitted")
                  .contains("mount: Operation not permitted");
            }),
        refused(
                "The bridge killed",
                "T1562.001",
                "`bridge_unavailable`; the guard goes on, pinned",
                it -> {
                  it.mesh.bridge().kill();
                  try {
                    Mesh.await(
                        "the server knows",
                        Intruder.LIMIT,
                        () -> it.mesh.status().getBridgesCount() == 0);
                    it.isDenied("", "bridge_unavailable", () -> it.perl("exfil.pl", "DB", "5432"));
                    it.at.forget();
                    var said = it.perl("datagram.pl", "STRANGER", "4433");
                    assertThat(said.text()).contains("not permitted");
                    it.assertNothingArrived(said);
                  } finally {
                    it.mesh.startBridge();
                    it.mesh.guard().await("enforce");
                  }
                  it.at.assertWorks();
                })
            .onlyIn(Place.NAMESPACES));
  }
}
