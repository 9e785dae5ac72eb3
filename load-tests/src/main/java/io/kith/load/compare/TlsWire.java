package io.kith.load.compare;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;

/** With TLS 1.3, over a channel that blocks during the handshake and not after it. */
final class TlsWire implements Wire {
  private static final int BUFFER = 256 * 1024;

  private final SocketChannel channel;
  private final SSLEngine engine;
  private final ByteBuffer in = ByteBuffer.allocateDirect(BUFFER);
  private final ByteBuffer out = ByteBuffer.allocateDirect(BUFFER).limit(0);
  private long octets;

  private TlsWire(SocketChannel channel, SSLEngine engine) {
    this.channel = channel;
    this.engine = engine;
  }

  /** Shakes hands over a channel that blocks. */
  static TlsWire over(SocketChannel channel, SSLContext context) throws IOException {
    var engine = context.createSSLEngine();
    engine.setUseClientMode(true);
    var parameters = engine.getSSLParameters();
    parameters.setProtocols(new String[] {"TLSv1.3"});
    parameters.setApplicationProtocols(new String[] {"h2"});
    engine.setSSLParameters(parameters);
    var wire = new TlsWire(channel, engine);
    wire.handshake();
    return wire;
  }

  private void handshake() throws IOException {
    var nothing = ByteBuffer.allocate(0);
    var application = ByteBuffer.allocate(engine.getSession().getApplicationBufferSize());
    engine.beginHandshake();
    in.flip();
    for (var status = engine.getHandshakeStatus();
        status != HandshakeStatus.NOT_HANDSHAKING && status != HandshakeStatus.FINISHED;
        status = engine.getHandshakeStatus()) {
      switch (status) {
        case NEED_TASK -> runTasks();
        case NEED_WRAP -> {
          wrap(nothing);
          flush();
        }
        default -> {
          var result = engine.unwrap(in, application);
          if (result.getStatus() == SSLEngineResult.Status.BUFFER_UNDERFLOW) {
            in.compact();
            if (channel.read(in) < 0) {
              throw new EOFException("the server ended the TLS handshake");
            }
            in.flip();
          }
        }
      }
    }
    in.compact();
    if (!"h2".equals(engine.getApplicationProtocol())) {
      throw new IOException("the server speaks no HTTP/2");
    }
  }

  @Override
  public SocketChannel channel() {
    return channel;
  }

  @Override
  public boolean read(ByteBuffer into) throws IOException {
    var read = channel.read(in);
    octets += Math.max(0, read);
    var open = read >= 0;
    in.flip();
    while (in.hasRemaining()) {
      var result = engine.unwrap(in, into);
      if (result.getHandshakeStatus() == HandshakeStatus.NEED_TASK) {
        runTasks();
      }
      if (result.getStatus() != SSLEngineResult.Status.OK) {
        open &= result.getStatus() != SSLEngineResult.Status.CLOSED;
        break; // half a record, or no room: the rest is for the next time
      }
    }
    in.compact();
    return open;
  }

  @Override
  public void write(ByteBuffer from) throws IOException {
    do {
      flush();
      if (out.hasRemaining()) {
        return;
      }
      wrap(from);
    } while (from.hasRemaining());
    flush();
  }

  private void wrap(ByteBuffer from) throws IOException {
    out.clear();
    SSLEngineResult result;
    do {
      result = engine.wrap(from, out);
    } while (from.hasRemaining() && result.getStatus() == SSLEngineResult.Status.OK);
    out.flip();
  }

  private void flush() throws IOException {
    if (out.hasRemaining()) {
      octets += channel.write(out);
    }
  }

  @Override
  public long octets() {
    return octets;
  }

  private void runTasks() {
    for (var task = engine.getDelegatedTask(); task != null; task = engine.getDelegatedTask()) {
      task.run();
    }
  }

  @Override
  public boolean isBehind() {
    return out.hasRemaining();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
