package io.kith.server.replay;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/** Counts what is read through it. */
final class CountedInput extends FilterInputStream {
  private long count;

  CountedInput(InputStream in) {
    super(in);
  }

  long count() {
    return count;
  }

  @Override
  public int read() throws IOException {
    var one = super.read();
    if (one >= 0) {
      count++;
    }
    return one;
  }

  @Override
  public int read(byte[] buffer, int from, int length) throws IOException {
    var read = super.read(buffer, from, length);
    if (read > 0) {
      count += read;
    }
    return read;
  }
}
