package io.kith.bridge.capture;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.ffm.Conntrack;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.NetworkNamespace;
import io.kith.bridge.ffm.SockDiag;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The network namespaces of this machine, found by their processes; that of the host is left out.
 *
 * <p>For each, one connection tracking and one socket diagnosis socket stay open inside it. {@link
 * #refresh} is called now and then and when an address is not known; look-ups never wait for it.
 */
final class Pods implements AutoCloseable {
  private static final Path PROC = Path.of("/proc");

  private final Map<String, Inside> open = new HashMap<>();
  private volatile Map<IpAddress, Inside> byAddress = Map.of();
  private volatile List<String> problems = List.of();

  /**
   * A pod with what was opened inside it.
   *
   * @param conntrack null when the kernel refuses, as {@code problem} says
   * @param cookie number of the namespace in BPF records; 0 when the kernel does not tell
   */
  record Inside(
      Pod pod,
      long cookie,
      @Nullable Conntrack conntrack,
      @Nullable SockDiag diag,
      String problem) {
    private Inside with(Pod newer) {
      return new Inside(newer, cookie, conntrack, diag, problem);
    }

    private void close() {
      if (conntrack != null) {
        conntrack.close();
      }
      if (diag != null) {
        diag.close();
      }
    }
  }

  /** Looks for pods; returns whether their addresses changed. */
  synchronized boolean refresh() throws InterruptedException {
    var pidsByNamespace = pidsByNamespace();
    var found = new HashMap<IpAddress, Inside>();
    var failures = new ArrayList<String>();
    for (var entry : pidsByNamespace.entrySet()) {
      var inside = look(entry.getKey(), entry.getValue());
      if (inside != null) {
        inside.pod.addresses().forEach(address -> found.put(address, inside));
        if (!inside.problem.isEmpty()) {
          failures.add("in " + inside.pod.id() + ": " + inside.problem);
        }
      }
    }
    open.entrySet()
        .removeIf(
            entry -> {
              var gone = !pidsByNamespace.containsKey(entry.getKey());
              if (gone) {
                entry.getValue().close();
              }
              return gone;
            });
    var changed = !addressesOf(found).equals(addressesOf(byAddress));
    byAddress = Map.copyOf(found);
    problems = List.copyOf(failures);
    return changed;
  }

  private static Map<IpAddress, String> addressesOf(Map<IpAddress, Inside> pods) {
    var ids = new HashMap<IpAddress, String>();
    pods.forEach((address, inside) -> ids.put(address, inside.pod.id()));
    return ids;
  }

  /** The pod with this address, or null. */
  @Nullable Inside at(IpAddress address) {
    return byAddress.get(address);
  }

  /** Every pod that has an address. */
  List<Pod> all() {
    return byAddress.values().stream().map(Inside::pod).distinct().toList();
  }

  /** The numbers of their namespaces in BPF records. */
  Set<Long> cookies() {
    var cookies = new HashSet<Long>();
    byAddress.values().forEach(inside -> cookies.add(inside.cookie));
    cookies.remove(0L);
    return cookies;
  }

  /** What could not be opened inside the pods, in words. */
  List<String> problems() {
    return problems;
  }

  private @Nullable Inside look(String id, List<Integer> pids) throws InterruptedException {
    for (var pid : pids) {
      var addresses = addresses(pid);
      if (addresses != null) {
        var pod = new Pod(id, addresses, pids);
        var known = open.get(id);
        var inside = known == null ? enter(pod, pid) : known.with(pod);
        open.put(id, inside);
        return inside;
      }
    }
    return null;
  }

  /** Null when the process is gone. */
  private static @Nullable Set<IpAddress> addresses(int pid) {
    var net = PROC.resolve(Integer.toString(pid)).resolve("net");
    try {
      var addresses = new HashSet<>(AddressFiles.v4(Files.readString(net.resolve("fib_trie"))));
      if (Files.exists(net.resolve("if_inet6"))) {
        addresses.addAll(AddressFiles.v6(Files.readString(net.resolve("if_inet6"))));
      }
      return addresses;
    } catch (IOException | UncheckedIOException _) {
      return null;
    }
  }

  private static Inside enter(Pod pod, int pid) throws InterruptedException {
    try (var namespace = NetworkNamespace.open("/proc/" + pid + "/ns/net")) {
      return namespace.call(() -> openInside(pod));
    } catch (KernelException e) {
      return new Inside(pod, 0, null, null, String.valueOf(e.getMessage()));
    }
  }

  /** Runs inside the namespace. */
  private static Inside openInside(Pod pod) {
    var problem = "";
    var cookie = 0L;
    Conntrack conntrack = null;
    SockDiag diag = null;
    try {
      diag = SockDiag.open();
      cookie = NetworkNamespace.cookieHere();
      conntrack = Conntrack.open();
    } catch (KernelException e) {
      problem = String.valueOf(e.getMessage());
    }
    return new Inside(pod, cookie, conntrack, diag, problem);
  }

  private static Map<String, List<Integer>> pidsByNamespace() {
    var host = link(PROC.resolve("1/ns/net"));
    var own = link(PROC.resolve("self/ns/net"));
    var found = new HashMap<String, List<Integer>>();
    try (var processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
      for (var process : processes) {
        var id = link(process.resolve("ns/net"));
        if (id != null && !id.equals(host) && !id.equals(own)) {
          found
              .computeIfAbsent(id, _ -> new ArrayList<>())
              .add(Integer.parseInt(process.getFileName().toString()));
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      throw new UncheckedIOException(new IOException("/proc cannot be listed", e));
    }
    return found;
  }

  private static @Nullable String link(Path path) {
    try {
      return Files.readSymbolicLink(path).toString();
    } catch (IOException _) {
      return null;
    }
  }

  @Override
  public synchronized void close() {
    open.values().forEach(Inside::close);
    open.clear();
    byAddress = Map.of();
  }
}
