package io.kith.load.attribution;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.capture.SocketOwners;
import io.kith.bridge.ffm.Tuple;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A bridge's eyes in a process of their own, which a test starts with less than everything. Says
 * its rung and problems, then answers a line of source, port, destination and port with the rung,
 * the owners' pids with the inodes of their executables, and the reasons.
 */
final class RungProbe {
  private RungProbe() {}

  public static void main(String[] arguments) throws IOException, InterruptedException {
    var settings = new SocketOwners.Settings(List.of(15_001, 15_006), 1_337, 4_096, null);
    try (var owners = SocketOwners.open(settings);
        var questions =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      System.out.println(
          owners.rung().letter() + "\t" + String.join("; ", owners.problems()).replace('\n', ' '));
      for (var line = questions.readLine(); line != null; line = questions.readLine()) {
        owners.refreshPods(); // the bridge's timer does so every second
        var words = line.split(" ", -1);
        var found =
            owners.resolve(
                new Tuple(
                    IpAddress.parse(words[0]),
                    Integer.parseInt(words[1]),
                    IpAddress.parse(words[2]),
                    Integer.parseInt(words[3])));
        var text = new StringBuilder(found.rung().letter()).append('\t');
        for (var owner : found.owners()) {
          var image = owner.image();
          text.append(owner.pid()).append(':').append(image == null ? 0 : image.inode());
          text.append(' ');
        }
        System.out.println(text.append('\t').append(String.join("; ", found.reasons())));
      }
    }
  }
}
