package io.kith.load.lab;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.util.Locale;

/** HTTP/1.1 with keep-alive; bodies by {@code Content-Length}; every answer is the token. */
final class HttpProtocol implements Upstream.Protocol {
  @Override
  public void serve(Socket socket, InputStream input, Upstream.Connection seen, String token)
      throws IOException {
    answerRequests(input, socket.getOutputStream(), token);
  }

  static void answerRequests(InputStream input, OutputStream output, String token)
      throws IOException {
    for (var head = head(input); !head.isEmpty(); head = head(input)) {
      input.skipNBytes(contentLength(head));
      var answer =
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "
              + (token.length() + 1)
              + "\r\n\r\n"
              + token
              + "\n";
      output.write(answer.getBytes(ISO_8859_1));
      output.flush();
    }
  }

  /** Request line and headers; empty at the end of the stream. */
  private static String head(InputStream input) throws IOException {
    var head = new ByteArrayOutputStream();
    while (!head.toString(ISO_8859_1).endsWith("\r\n\r\n")) {
      int next = input.read();
      if (next < 0) {
        return "";
      }
      head.write(next);
    }
    return head.toString(ISO_8859_1);
  }

  private static long contentLength(String head) {
    return head.toLowerCase(Locale.ROOT)
        .lines()
        .filter(line -> line.startsWith("content-length:"))
        .mapToLong(line -> Long.parseLong(line.substring("content-length:".length()).strip()))
        .findFirst()
        .orElse(0);
  }
}
