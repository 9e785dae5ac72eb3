package io.kith.bridge.ffm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One netlink socket: a request, then its answer. Belongs to the network namespace of the thread
 * that made it. Thread-safe: requests wait for each other.
 *
 * <p>Source: netlink(7).
 */
final class NetlinkSocket implements AutoCloseable {
  /*
   *  header   length u32, type u16, flags u16, sequence u32, port u32
   */
  static final int HEADER = 16;
  static final short REQUEST = 1;
  private static final short ACKNOWLEDGE = 4;
  private static final short DUMP = 0x300;
  private static final int AF_NETLINK = 16;
  private static final int SOCK_RAW = 3;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int SOL_SOCKET = 1;
  private static final int SO_RCVTIMEO = 20;
  private static final int ERROR = 2;
  private static final int DONE = 3;
  private static final int TIMEOUT_MICROS = 50_000;
  private static final int MAX_STALE_ANSWERS = 16;
  private static final int NOT_ASKED = 0;

  private final Descriptor socket;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment out = arena.allocate(512, 8);
  private final MemorySegment in = arena.allocate(32_768, 8);
  private final ByteBuffer header = out.asByteBuffer().order(ByteOrder.nativeOrder());
  private final ReentrantLock turn = new ReentrantLock();
  private int sequence = NOT_ASKED;
  private boolean closed;

  NetlinkSocket(int family) throws KernelException {
    var number = Libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
    if (number < 0) {
      throw new KernelException("open a netlink socket of family " + family, -number);
    }
    socket = new Descriptor(number);
    try (var own = Arena.ofConfined()) {
      var timeout = own.allocate(16, 8);
      timeout.set(JAVA_LONG, 8, TIMEOUT_MICROS);
      Libc.setOption(number, SOL_SOCKET, SO_RCVTIMEO, timeout);
    }
  }

  /**
   * Sends a request and waits for the answer to it, at most 50 ms.
   *
   * @param body what follows the header; at most 496 bytes
   * @return what follows the header of the answer, or null when the kernel says that there is no
   *     such thing
   * @throws KernelException when the kernel says anything else, or nothing
   */
  @Nullable ByteBuffer ask(int type, byte[] body) throws KernelException {
    turn.lock();
    try {
      send(write(0, type, REQUEST, next(), body));
      return answer();
    } finally {
      turn.unlock();
    }
  }

  /**
   * The same, and tells the kernel to do something after it, whether it can or not.
   *
   * @param also what follows the header of that; with the body at most 480 bytes
   */
  @Nullable ByteBuffer ask(int type, byte[] body, int alsoType, byte[] also)
      throws KernelException {
    turn.lock();
    try {
      var length = write(0, type, REQUEST, next(), body);
      // A complaint about it has another number, and is passed over like a late answer.
      send(write(length, alsoType, REQUEST, NOT_ASKED, also));
      return answer();
    } finally {
      turn.unlock();
    }
  }

  /**
   * Tells the kernel to do something and waits until it has.
   *
   * @return false when the kernel says that there is no such thing
   */
  boolean tell(int type, byte[] body) throws KernelException {
    turn.lock();
    try {
      send(write(0, type, (short) (REQUEST | ACKNOWLEDGE), next(), body));
      return answer() != null;
    } finally {
      turn.unlock();
    }
  }

  /**
   * Asks for everything of a kind.
   *
   * @param most answers that are kept; the rest is read and dropped
   */
  List<ByteBuffer> list(int type, byte[] body, int most) throws KernelException {
    turn.lock();
    try {
      send(write(0, type, (short) (REQUEST | DUMP), next(), body));
      var found = new ArrayList<ByteBuffer>();
      while (true) {
        var messages = receive();
        while (messages.remaining() >= HEADER) {
          var at = messages.position();
          var length = messages.getInt(at);
          if (length < HEADER || length > messages.remaining()) {
            break; // cut: the kernel never sends this
          }
          if (messages.getInt(at + 8) == sequence) {
            var kind = messages.getShort(at + 4);
            if (kind == DONE) {
              return found;
            }
            if (kind == ERROR) {
              throw new KernelException("netlink list", -messages.getInt(at + HEADER));
            }
            if (found.size() < most) {
              found.add(
                  messages.slice(at + HEADER, length - HEADER).order(ByteOrder.nativeOrder()));
            }
          }
          messages.position(Math.min(messages.limit(), at + ((length + 3) & ~3)));
        }
      }
    } finally {
      turn.unlock();
    }
  }

  private int next() {
    sequence = sequence == Integer.MAX_VALUE ? NOT_ASKED + 1 : sequence + 1;
    return sequence;
  }

  /** Writes a message into what is sent, and returns where it ends. */
  private int write(int at, int type, short flags, int number, byte[] body) throws KernelException {
    if (closed) { // its number may belong to another file by now
      throw new KernelException("the network namespace is gone", Errno.EBADF);
    }
    var length = HEADER + body.length;
    header.putInt(at, length).putShort(at + 4, (short) type).putShort(at + 6, flags);
    header.putInt(at + 8, number).putInt(at + 12, 0);
    MemorySegment.copy(body, 0, out, JAVA_BYTE, at + HEADER, body.length);
    return at + length;
  }

  private void send(int length) throws KernelException {
    var sent = Libc.send(socket.number(), out, length);
    if (sent < 0) {
      throw new KernelException("send a netlink request", (int) -sent);
    }
  }

  private ByteBuffer receive() throws KernelException {
    var received = Libc.receive(socket.number(), in);
    if (received < 0) {
      throw new KernelException("wait for a netlink answer", (int) -received);
    }
    var message = ByteBuffer.allocate((int) received).order(ByteOrder.nativeOrder());
    MemorySegment.copy(in, JAVA_BYTE, 0, message.array(), 0, (int) received);
    return message;
  }

  private @Nullable ByteBuffer answer() throws KernelException {
    // An answer that came after an earlier request gave up is still in the queue: passed over.
    for (var i = 0; i < MAX_STALE_ANSWERS; i++) {
      var message = receive();
      var received = message.remaining();
      if (received < HEADER || message.getInt(8) != sequence) {
        continue;
      }
      var length = Math.min(message.getInt(0), received);
      var type = message.getShort(4);
      if (type == DONE) {
        return null;
      }
      if (type == ERROR) {
        var errno = length >= HEADER + 4 ? -message.getInt(HEADER) : Errno.EINVAL;
        if (errno == Errno.ENOENT) {
          return null;
        }
        if (errno == 0) {
          return ByteBuffer.allocate(0); // done
        }
        throw new KernelException("netlink request", errno);
      }
      return message
          .position(HEADER)
          .limit(Math.max(HEADER, length))
          .slice()
          .order(ByteOrder.nativeOrder());
    }
    throw new KernelException("wait for a netlink answer", 11);
  }

  @Override
  public void close() {
    turn.lock();
    try {
      if (!closed) {
        closed = true;
        socket.close();
        arena.close();
      }
    } finally {
      turn.unlock();
    }
  }
}
