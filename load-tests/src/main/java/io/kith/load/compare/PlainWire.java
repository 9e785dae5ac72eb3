package io.kith.load.compare;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/** Without TLS. */
final class PlainWire implements Wire {
  private final SocketChannel channel;
  private long octets;

  PlainWire(SocketChannel channel) {
    this.channel = channel;
  }

  @Override
  public SocketChannel channel() {
    return channel;
  }

  @Override
  public boolean read(ByteBuffer into) throws IOException {
    var read = channel.read(into);
    octets += Math.max(0, read);
    return read >= 0;
  }

  @Override
  public void write(ByteBuffer from) throws IOException {
    octets += channel.write(from);
  }

  @Override
  public long octets() {
    return octets;
  }

  @Override
  public boolean isBehind() {
    return false;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
