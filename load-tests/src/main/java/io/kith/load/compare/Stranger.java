package io.kith.load.compare;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.List;

/**
 * Another program in a pod of a comparison, which is in no baseline: makes one request, and says
 * whether it passed. A program of its own.
 */
public final class Stranger {
  static final String PASSED = "the request passed";
  private static final int PATIENCE_MILLIS = 30_000;

  private Stranger() {}

  /** The command line of one. */
  static List<String> arguments(String pod, InetSocketAddress to) {
    return List.of(pod, to.getAddress().getHostAddress(), Integer.toString(to.getPort()));
  }

  /** Arguments: address of the pod, destination, its port. */
  public static void main(String[] arguments) throws IOException {
    var to = new InetSocketAddress(InetAddress.ofLiteral(arguments[1]), number(arguments[2]));
    try (var socket = new Socket()) {
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(InetAddress.ofLiteral(arguments[0]), Traffic.STRANGE_PORT));
      socket.connect(to, PATIENCE_MILLIS);
      socket.setSoTimeout(PATIENCE_MILLIS);
      System.out.println(answered(socket, arguments[1]) ? PASSED : "the request was refused");
    }
  }

  private static int number(String text) {
    return Integer.parseInt(text);
  }

  private static boolean answered(Socket socket, String host) {
    try {
      var request = "GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n";
      socket.getOutputStream().write(request.getBytes(US_ASCII));
      var answer = new String(socket.getInputStream().readNBytes(12), US_ASCII);
      return answer.endsWith(" 200");
    } catch (IOException _) {
      return false; // the connection was cut
    }
  }
}
