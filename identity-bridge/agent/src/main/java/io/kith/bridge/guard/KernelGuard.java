package io.kith.bridge.guard;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.NetworkTarget;
import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.capture.Pins;
import io.kith.bridge.ffm.Assembler;
import io.kith.bridge.ffm.Bpf;
import io.kith.bridge.ffm.Bpf.ProgramKind;
import io.kith.bridge.ffm.Btf;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.MapReader;
import io.kith.bridge.ffm.RingBuffer;
import io.kith.bridge.guard.GuardRecord.Kind;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The guard's programs at work. Where names on the BPF file system can be had, both programs and
 * policies outlive the bridge, so that a pod stays guarded by the last policy without it.
 *
 * <p>For one thread, except {@link #readAnswers}, which has a thread of its own.
 */
final class KernelGuard implements AutoCloseable {
  /** Changes with {@link GuardRecord} and with the maps. */
  private static final String LAYOUT = "1";

  private static final String FAMILY = "guard-v";
  private static final int MOST_KEYS = 70_000;
  private static final List<ProgramKind> KINDS =
      List.of(
          ProgramKind.CONNECT4,
          ProgramKind.CONNECT6,
          ProgramKind.SEND4,
          ProgramKind.SEND6,
          ProgramKind.PACKET_IN,
          ProgramKind.PACKET_OUT);

  private final Pins pins;
  private final GuardMaps maps;
  private final GuardPrograms programs;
  private final PacketPrograms packets;
  private final RingBuffer answers;
  private final MapReader attempts;
  private final MapReader totals;
  private final MapReader policies;
  private final boolean knowsExecutables;
  private final Map<Long, Deque<Descriptor>> attached = new HashMap<>();
  private final Map<Long, Set<ByteBuffer>> rules = new HashMap<>();

  private KernelGuard(Pins pins, GuardMaps maps, @Nullable Btf btf) throws KernelException {
    this.pins = pins;
    this.maps = maps;
    this.programs = new GuardPrograms(maps, btf);
    this.packets = new PacketPrograms(maps, btf != null);
    this.knowsExecutables = btf != null;
    this.answers = new RingBuffer(maps.answers(), GuardMaps.ANSWERS_BYTES);
    this.attempts =
        new MapReader(maps.attempts(), GuardRecord.ATTEMPT_KEY_BYTES, GuardRecord.ATTEMPT_BYTES);
    this.totals = new MapReader(maps.totals(), 8, GuardRecord.TOTALS_BYTES);
    this.policies = new MapReader(maps.policies(), 8, GuardRecord.POLICY_BYTES);
  }

  /**
   * Makes the maps, or takes over what a bridge before left.
   *
   * @param pin folder on the BPF file system, or null
   * @param btf null: executables are not read
   * @param problems are told what does not work
   */
  static KernelGuard open(@Nullable Path pin, @Nullable Btf btf, List<String> problems)
      throws KernelException {
    var pins = Pins.at(pin, "the guard", FAMILY, LAYOUT, problems);
    var maps = new GuardMaps(pins);
    try {
      var guard = new KernelGuard(pins, maps, btf);
      for (var rule : Bpf.keys(maps.rules(), GuardRecord.RULE_BYTES, MOST_KEYS)) {
        guard.rulesOf(GuardRecord.ruleCgroup(rule)).add(ByteBuffer.wrap(rule));
      }
      maps.keepPeersOf(guard.guarded());
      pins.removeOthers();
      return guard;
    } catch (KernelException | RuntimeException e) {
      maps.close();
      throw e;
    }
  }

  private Set<ByteBuffer> rulesOf(long cgroup) {
    return rules.computeIfAbsent(cgroup, _ -> new HashSet<>());
  }

  /** Whether what was noted about sockets tells of executables. */
  boolean knowsExecutables() {
    return knowsExecutables;
  }

  /** The cgroups that are guarded, by us or still by a bridge before. */
  Set<Long> guarded() {
    var all = new HashSet<>(attached.keySet());
    for (var name : pins.namesThatBeginWith(name(ProgramKind.PACKET_OUT, ""))) {
      all.add(Long.parseUnsignedLong(name.substring(name.lastIndexOf('-') + 1)));
    }
    return all;
  }

  /** Whether the policy of one of these cgroups enforces, ours or that of a bridge before. */
  boolean enforcesAny(Set<Long> cgroups) {
    return cgroups.stream()
        .map(id -> policies.get(GuardRecord.cgroup(id)))
        .anyMatch(policy -> policy != null && GuardRecord.enforces(policy));
  }

  boolean isAttached(long cgroup) {
    return attached.containsKey(cgroup);
  }

  private static String name(ProgramKind kind, String cgroup) {
    return kind.name().toLowerCase(Locale.ROOT).replace('_', '-') + "-" + cgroup;
  }

  /**
   * Guards a cgroup; its policy must be there already.
   *
   * @param id of the cgroup
   * @throws KernelException with the verifier's words; then what a bridge before attached goes on,
   *     and nothing else is attached
   */
  void attach(long id, Descriptor cgroup) throws KernelException {
    if (totals.get(GuardRecord.cgroup(id)) == null) {
      Bpf.put(maps.totals(), GuardRecord.cgroup(id), new byte[GuardRecord.TOTALS_BYTES]);
    }
    var open = new ArrayDeque<Descriptor>();
    var made = new ArrayList<String>();
    try {
      var peers = maps.peersOf(id);
      open.push(peers);
      for (var kind : KINDS) {
        try (var program = Bpf.program(shortName(kind), kind, program(kind, id, peers))) {
          var name = name(kind, Long.toUnsignedString(id));
          open.push(
              pins.attach(
                  name,
                  program,
                  anew -> {
                    var attachment = Bpf.attach(anew, kind, cgroup);
                    made.add(name);
                    return attachment;
                  }));
        }
      }
    } catch (KernelException e) {
      open.forEach(Descriptor::close);
      made.forEach(pins::forget);
      if (!guarded().contains(id)) {
        maps.forgetPeersOf(id);
      }
      throw e;
    }
    attached.put(id, open);
  }

  private static String shortName(ProgramKind kind) {
    return "kg_" + kind.name().toLowerCase(Locale.ROOT);
  }

  private Assembler program(ProgramKind kind, long id, Descriptor peers) {
    return switch (kind) {
      case CONNECT4, CONNECT6 -> programs.connect(kind, id);
      case SEND4, SEND6 -> programs.send(id);
      case PACKET_IN -> packets.in(id, peers);
      case PACKET_OUT -> packets.out(id, peers);
      case SOCKET_OPERATIONS, RAW_TRACEPOINT, WALK ->
          throw new IllegalArgumentException(kind + " is not the guard's");
    };
  }

  /** Ends what guards a cgroup, ours or a bridge's before, and forgets its policy. */
  void detach(long id) throws KernelException {
    var open = attached.remove(id);
    if (open != null) {
      open.forEach(Descriptor::close);
    }
    forget(id);
    for (var rule : rulesOf(id)) {
      Bpf.remove(maps.rules(), bytes(rule));
    }
    rules.remove(id);
    Bpf.remove(maps.policies(), GuardRecord.cgroup(id));
    Bpf.remove(maps.totals(), GuardRecord.cgroup(id));
  }

  private void forget(long id) {
    for (var kind : KINDS) {
      pins.forget(name(kind, Long.toUnsignedString(id)));
    }
    maps.forgetPeersOf(id);
  }

  /**
   * Sets the policy of a cgroup.
   *
   * @param mode in place of the policy's own
   * @param proxyCgroup of the proxy's container; 0: not known
   * @param own the pod's addresses
   */
  void policy(long id, GuardPolicy policy, Mode mode, long proxyCgroup, Set<IpAddress> own)
      throws KernelException {
    // What lets pass comes before what stops and goes after it, so that nothing is refused that
    // neither the former policy nor this one refuses.
    var lets = new LinkedHashSet<ByteBuffer>();
    own.forEach(address -> add(lets, Kind.OWN, 0, id, single(address)));
    for (var block : List.of("127.0.0.0/8", "0.0.0.0/32", "::1/128", "::/128")) {
      add(lets, Kind.OWN, 0, id, Cidr.parse(block));
    }
    add(lets, Kind.RESOLVER, id, policy.resolvers());
    add(lets, Kind.APPROVED_TCP, id, policy.approvedTcp());
    add(lets, Kind.APPROVED_UDP, id, policy.approvedUdp());
    var stops = new LinkedHashSet<ByteBuffer>();
    for (var port : policy.proxyPorts()) {
      stops.add(ByteBuffer.wrap(GuardRecord.rule(Kind.PROXY_PORT, port, id)));
    }
    add(stops, Kind.EXCLUDED, id, policy.excluded());

    var before = rulesOf(id);
    put(lets, before);
    put(stops, before);
    Bpf.put(maps.policies(), GuardRecord.cgroup(id), GuardRecord.policy(policy, mode, proxyCgroup));
    for (var rule : List.copyOf(before)) {
      if (!lets.contains(rule) && !stops.contains(rule) && !GuardRecord.isNetwork(bytes(rule))) {
        Bpf.remove(maps.rules(), bytes(rule));
        before.remove(rule);
      }
    }
  }

  /**
   * Sets the network whose DNS answers are heard at a cgroup; until then none are.
   *
   * @param netnsCookie 0: not known now, what was known stays
   */
  void network(long id, long netnsCookie) throws KernelException {
    if (netnsCookie == 0) {
      return;
    }
    var before = rulesOf(id);
    var wanted = ByteBuffer.wrap(GuardRecord.network(id, netnsCookie));
    for (var rule : List.copyOf(before)) {
      if (GuardRecord.isNetwork(bytes(rule)) && !rule.equals(wanted)) {
        Bpf.remove(maps.rules(), bytes(rule));
        before.remove(rule);
      }
    }
    put(Set.of(wanted), before);
  }

  private static byte[] bytes(ByteBuffer rule) {
    var bytes = new byte[rule.remaining()];
    rule.duplicate().get(bytes);
    return bytes;
  }

  private void put(Set<ByteBuffer> wanted, Set<ByteBuffer> there) throws KernelException {
    for (var rule : wanted) {
      if (!there.contains(rule)) {
        Bpf.put(maps.rules(), bytes(rule), new byte[] {1});
        there.add(rule);
      }
    }
  }

  private static Cidr single(IpAddress address) {
    return new Cidr(address, address.bytes().length * 8);
  }

  private static void add(Set<ByteBuffer> to, Kind kind, long id, List<NetworkTarget> targets) {
    targets.forEach(target -> add(to, kind, target.port(), id, target.network()));
  }

  private static void add(Set<ByteBuffer> to, Kind kind, int port, long id, Cidr network) {
    to.add(ByteBuffer.wrap(GuardRecord.rule(kind, port, id, network)));
  }

  /** What was tried since the guard began; the least recent may have been given up. */
  List<Attempt> attempts() throws KernelException {
    var found = new ArrayList<Attempt>();
    for (var key : Bpf.keys(maps.attempts(), GuardRecord.ATTEMPT_KEY_BYTES, MOST_KEYS)) {
      var value = attempts.get(key);
      if (value != null) {
        found.add(Attempt.of(key, value, knowsExecutables));
      }
    }
    return found;
  }

  /** What was counted at a cgroup since it is guarded. */
  Totals totals(long id) {
    var value = totals.get(GuardRecord.cgroup(id));
    return value == null ? Totals.NONE : Totals.of(value);
  }

  /** Waits for DNS answers at most that long and hands them over. */
  int readAnswers(int timeoutMillis, Consumer<byte[]> consumer) {
    return answers.read(timeoutMillis, consumer);
  }

  @Override
  public void close() {
    attached.values().forEach(open -> open.forEach(Descriptor::close));
    attached.clear();
    answers.close();
    maps.close();
  }
}
