package io.kith.load.tools;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Ports of loopback for programs that are told where to listen, 20000 to 31999: below those that
 * Linux gives to connections, of which one could take the port before the program does.
 */
public final class FreePorts {
  private static final int FIRST = 20_000;
  private static final int COUNT = 12_000;
  private static final int BEGIN = ThreadLocalRandom.current().nextInt(COUNT);
  private static final AtomicInteger GIVEN = new AtomicInteger();

  private FreePorts() {}

  /** A port that nobody holds right now; never the same twice. */
  public static int next() throws IOException {
    while (true) {
      var number = GIVEN.getAndIncrement();
      if (number >= COUNT) {
        throw new IOException("no port from 20000 to 31999 is left on 127.0.0.1");
      }
      var port = FIRST + (BEGIN + number) % COUNT;
      if (isFree(port)) {
        return port;
      }
    }
  }

  /** Whether nobody holds a port right now. */
  public static boolean isFree(int port) throws IOException {
    try (var socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), port));
      return true;
    } catch (BindException _) {
      return false;
    }
  }
}
