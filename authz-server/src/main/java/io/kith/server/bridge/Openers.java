package io.kith.server.bridge;

import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;
import io.kith.bridge.v1.Opener;
import io.kith.bridge.v1.OpenerTable;
import io.kith.server.check.KnownConnection;
import io.kith.server.check.SocketQuery;
import io.kith.server.ffm.SharedWords;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The processes of one stream's pods that its bridge described a moment ago, by the numbers that
 * the kernel's table has them under. Thread-safe; {@link #find} takes no lock.
 */
final class Openers {
  /*
   * The kernel writes who opens a connection before anything of it leaves, and the bridge says which
   * process that is: of all its connections, while nothing of it changes that goes into its number.
   * What is believed is what a question about the connection would be answered with, and no longer than
   * such an answer is used again.
   *
   * What is looked up does not change: a number that comes or goes makes a new list of its pod's. Most
   * answers are about a process that is known, and change nothing but when it was asked about.
   */

  /** Processes of a pod. */
  static final int MAX_OF_POD = 256;

  /** Of all pods. */
  static final int MAX = 65_536;

  /** A process. */
  static final class Known {
    private final long number;
    private final SpiffeId reporter;
    private final KnownConnection answer;
    private volatile boolean forgotten;

    private Known(long number, SpiffeId reporter, KnownConnection answer) {
      this.number = number;
      this.reporter = reporter;
      this.answer = answer;
    }

    /** What the bridge said of it. */
    KnownConnection answer() {
      return answer;
    }

    /** The bridge said something else since, or less. */
    boolean isForgotten() {
      return forgotten;
    }
  }

  private record Table(long seed, long mask, long bootNanosAhead, SharedWords words) {}

  /** Those of one pod, by open addressing, half full at most. */
  private static final class Numbers {
    private static final int LEAST = 4;
    private static final Numbers NONE = new Numbers(0, List.of());

    private final long network;
    private final int size;
    private final @Nullable Known[] places;

    Numbers(long network, List<Known> all) {
      this.network = network;
      this.size = all.size();
      this.places = new @Nullable Known[Math.max(LEAST, 4 * Integer.highestOneBit(size))];
      for (var one : all) {
        places[place(one.number)] = one;
      }
    }

    /** Where it is, or would be. */
    private int place(long number) {
      var mask = places.length - 1;
      var at = Long.hashCode(number) & mask;
      for (var one = places[at]; one != null && one.number != number; one = places[at]) {
        at = (at + 1) & mask;
      }
      return at;
    }

    @Nullable Known find(long number) {
      return places[place(number)];
    }

    List<Known> all() {
      var all = new ArrayList<Known>(size + 1);
      for (var one : places) {
        if (one != null) {
          all.add(one);
        }
      }
      return all;
    }
  }

  private static final class OfPod {
    private volatile Numbers numbers = Numbers.NONE;
  }

  private volatile @Nullable Table table;

  /** By what pods are, not what they say, and as they were registered last. */
  private volatile IdentityHashMap<RegisteredPod, OfPod> pods = new IdentityHashMap<>();

  private int size; // guarded by this

  /** The pods are these, and nothing is known of them. */
  synchronized void registers(List<RegisteredPod> registered) {
    forgetAll();
    var all = new IdentityHashMap<RegisteredPod, OfPod>();
    registered.forEach(pod -> all.put(pod, new OfPod()));
    pods = all;
  }

  /** Reads a table from now on. */
  synchronized void read(OpenerTable named, SharedWords words) {
    forgetAll();
    table = new Table(named.getSeed(), named.getWords() - 1L, named.getBootNanosAhead(), words);
  }

  /** Reads none. */
  synchronized void readNone() {
    table = null;
    forgetAll();
  }

  /**
   * The process that opened a connection, or null when it has to be asked for.
   *
   * @param nanos now, by {@link System#nanoTime}
   */
  @Nullable Known find(RegisteredPod pod, SocketQuery query, long nanos) {
    var known = told(pod, query, nanos);
    return known != null
            && known.reporter.equals(query.spiffeId())
            && known.answer.isYoungerThan(RecentAnswers.KEPT, nanos)
        ? known
        : null;
  }

  /** Whom the table has for a connection, if anybody that is known. */
  private @Nullable Known told(RegisteredPod pod, SocketQuery query, long nanos) {
    var reading = table;
    var ofPod = pods.get(pod);
    if (reading == null || ofPod == null || query.protocol() != Protocol.TCP) {
      return null;
    }
    var numbers = ofPod.numbers;
    if (numbers.size == 0) {
      return null;
    }
    var hash = OpenerHash.of(reading.seed, numbers.network, query.source(), query.destination());
    var word = reading.words.at(hash & reading.mask);
    if (word == 0) {
      return null;
    }
    var now = nanos + reading.bootNanosAhead;
    var known = numbers.find(word ^ OpenerHash.at(hash, now));
    return known != null
        ? known
        : numbers.find(word ^ OpenerHash.at(hash, now - OpenerHash.TICK_NANOS));
  }

  /**
   * Takes an answer: one without a doubt about all connections of its process is remembered, and
   * any other forgets whom it is about.
   *
   * @param opener with zeros where the answer has none
   * @param nanos when it was asked for, by {@link System#nanoTime}
   */
  synchronized void answered(
      RegisteredPod pod, SocketQuery query, Attribution answer, Opener opener, long nanos) {
    var ofPod = pods.get(pod);
    if (table == null || ofPod == null) {
      return;
    }
    var number = opener.getNumber();
    var isOfAll = number != 0 && opener.getNetwork() != 0 && RecentAnswers.isBeyondDoubt(answer);
    var told = told(pod, query, nanos);
    if (told != null && (!isOfAll || told.number != number)) {
      forget(ofPod, told.number);
    }
    if (isOfAll) {
      remember(ofPod, opener, query.spiffeId(), answer, nanos);
    } else {
      forget(ofPod, number);
    }
  }

  private void remember(
      OfPod ofPod, Opener opener, SpiffeId reporter, Attribution answer, long nanos) {
    var numbers = ofPod.numbers;
    var isSameNetwork = numbers.network == opener.getNetwork();
    var known = numbers.find(opener.getNumber());
    if (isSameNetwork
        && known != null
        && known.reporter.equals(reporter)
        && known.answer.attribution().equals(answer)) {
      known.answer.answeredAgain(nanos, false);
      return;
    }
    var rest = numbers.all();
    rest.removeIf(
        one -> {
          if (isSameNetwork
              && one.number != opener.getNumber()
              && one.answer.isYoungerThan(RecentAnswers.KEPT, nanos)) {
            return false;
          }
          one.forgotten = true;
          return true;
        });
    if (rest.size() == MAX_OF_POD) {
      rest.forEach(one -> one.forgotten = true);
      rest.clear();
    }
    rest.add(new Known(opener.getNumber(), reporter, new KnownConnection(answer, nanos)));
    put(ofPod, new Numbers(opener.getNetwork(), rest));
    if (size > MAX) {
      forgetAll();
    }
  }

  private void forget(OfPod ofPod, long number) {
    var known = ofPod.numbers.find(number);
    if (known != null) {
      known.forgotten = true;
      var rest = ofPod.numbers.all();
      rest.remove(known);
      put(ofPod, new Numbers(ofPod.numbers.network, rest));
    }
  }

  /** Forgets what is known of all processes. */
  synchronized void forgetAll() {
    for (var ofPod : pods.values()) {
      ofPod.numbers.all().forEach(one -> one.forgotten = true);
      put(ofPod, Numbers.NONE);
    }
  }

  private void put(OfPod ofPod, Numbers numbers) {
    size += numbers.size - ofPod.numbers.size;
    ofPod.numbers = numbers;
  }
}
