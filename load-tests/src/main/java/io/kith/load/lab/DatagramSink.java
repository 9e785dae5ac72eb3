package io.kith.load.lab;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.util.concurrent.atomic.AtomicLong;

/** A service on a host that takes datagrams of UDP, and counts them. */
public final class DatagramSink implements AutoCloseable {
  private final Host host;
  private final DatagramSocket socket;
  private final AtomicLong bytes = new AtomicLong();

  DatagramSink(Host host, DatagramSocket socket) {
    this.host = host;
    this.socket = socket;
    Thread.ofPlatform().daemon().name(host.name() + " UDP").start(this::receive);
  }

  public Host host() {
    return host;
  }

  public int port() {
    return socket.getLocalPort();
  }

  /** Bytes of payload that arrived. */
  public long bytes() {
    return bytes.get();
  }

  /** Forgets what arrived so far. */
  public void forget() {
    bytes.set(0);
  }

  private void receive() {
    var packet = new DatagramPacket(new byte[65_535], 65_535);
    while (!socket.isClosed()) {
      try {
        socket.receive(packet);
        bytes.addAndGet(packet.getLength());
      } catch (IOException _) {
        // The socket was closed, or the network told of an error that concerns nobody here.
      }
    }
  }

  @Override
  public void close() {
    socket.close();
  }
}
