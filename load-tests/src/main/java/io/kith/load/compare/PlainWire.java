package io.kith.load.compare;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/** Without TLS. */
record PlainWire(SocketChannel channel) implements Wire {
  @Override
  public boolean read(ByteBuffer into) throws IOException {
    return channel.read(into) >= 0;
  }

  @Override
  public void write(ByteBuffer from) throws IOException {
    var _ = channel.write(from);
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
