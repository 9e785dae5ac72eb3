package io.kith.load.lab;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.Socket;

/** The server speaks first, as MySQL's does; then a line is answered by a line. */
final class DatabaseProtocol implements Upstream.Protocol {
  static final String BANNER = "KITHDB 1";

  @Override
  public void serve(Socket socket, InputStream input, Upstream.Connection seen, String token)
      throws IOException {
    var output = socket.getOutputStream();
    output.write((BANNER + "\n").getBytes(US_ASCII));
    var lines = new BufferedReader(new InputStreamReader(input, US_ASCII));
    while (lines.readLine() != null) {
      output.write(("TOKEN " + token + "\n").getBytes(US_ASCII));
    }
  }
}
