package io.kith.bridge.guard;

import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.SockDiag.Listed;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Ends connections that are not allowed any more, a bounded number at each look. For one thread.
 */
final class Revocation {
  private static final int WAITING = 10_000;

  private final int atOnce;
  private final Map<Id, Doomed> waiting = new LinkedHashMap<>();
  private final Map<String, Long> destroyed = new HashMap<>();
  private long all;
  private final Map<String, String> problems = new HashMap<>();

  /** How a connection is ended. */
  @FunctionalInterface
  interface Ending {
    /** Returns false when it is gone already. */
    boolean destroy(Listed socket) throws KernelException;
  }

  /** Connections that are to end together. */
  static final class Order {
    private final Runnable done;
    private int left = 1; // the order itself, until it is whole
    private boolean failed;

    /**
     * One without connections yet.
     *
     * @param done told once none of them is there any more; never when one could not be ended
     */
    Order(Runnable done) {
      this.done = done;
    }

    /** One of its connections stays open. */
    void fail() {
      failed = true;
    }

    /** All of its connections are on the list. */
    void whole() {
      handled();
    }

    private void handled() {
      left--;
      if (left == 0 && !failed) {
        done.run();
      }
    }
  }

  private record Id(String pod, long cookie) {}

  /** A socket on the list, once for all who want its end. */
  private record Doomed(String pod, Listed socket, Ending ending, List<Order> orders) {
    void handled() {
      orders.forEach(Order::handled);
    }

    void failed() {
      orders.forEach(Order::fail);
      handled();
    }
  }

  /**
   * @param atOnce the most that are ended at one look
   */
  Revocation(int atOnce) {
    this.atOnce = atOnce;
  }

  /**
   * Puts a connection on the list; when that is full it stays open, which the pod's problem says.
   *
   * @return whether there was room
   */
  boolean doom(String pod, Listed socket, Ending ending, Order order) {
    var id = new Id(pod, socket.cookie());
    var doomed = waiting.get(id);
    if (doomed == null) {
      if (waiting.size() >= WAITING) {
        problems.put(pod, "more than " + WAITING + " connections were to be ended at once");
        order.fail();
        return false;
      }
      doomed = new Doomed(pod, socket, ending, new ArrayList<>(1));
      waiting.put(id, doomed);
    }
    doomed.orders().add(order);
    order.left++;
    return true;
  }

  /** Ends some of those on the list. */
  void run() {
    var eldestFirst = waiting.values().iterator();
    for (var i = 0; i < atOnce && eldestFirst.hasNext(); i++) {
      var doomed = eldestFirst.next();
      eldestFirst.remove();
      end(doomed);
    }
  }

  private void end(Doomed doomed) {
    try {
      if (doomed.ending().destroy(doomed.socket())) {
        destroyed.merge(doomed.pod(), 1L, Long::sum);
        all++;
      }
      doomed.handled();
    } catch (KernelException e) {
      failed(doomed.pod(), e);
      doomed.failed();
    }
  }

  /** The connections of a pod could not be looked at or ended. */
  void failed(String pod, KernelException why) {
    problems.put(
        pod,
        "connections that are not allowed any more stay open: "
            + why.getMessage()
            + " (CONFIG_INET_DIAG_DESTROY and CAP_NET_ADMIN are needed; without, the proxy's maximum"
            + " connection duration ends those that go through it)");
  }

  /** How many were ended, also of pods that are gone. */
  long all() {
    return all;
  }

  long destroyed(String pod) {
    return destroyed.getOrDefault(pod, 0L);
  }

  /** What went wrong for a pod, or empty. */
  String problem(String pod) {
    return problems.getOrDefault(pod, "");
  }

  /** How many wait. */
  int waiting() {
    return waiting.size();
  }

  /** Forgets what was counted of other pods; what is on the list stays there. */
  void keep(Set<String> pods) {
    destroyed.keySet().retainAll(pods);
    problems.keySet().retainAll(pods);
  }
}
