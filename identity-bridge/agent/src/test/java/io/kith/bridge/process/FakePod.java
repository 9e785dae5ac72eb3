package io.kith.bridge.process;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A mount and network namespace whose root is an overlay of this machine's root file system, with a
 * shell as its first process. Needs root.
 */
public final class FakePod implements AutoCloseable {
  private static final String ENTER =
      """
      set -e
      mount -t overlay kp -o lowerdir=/,upperdir=$1/upper,workdir=$1/work $1/merged
      mount -t proc proc $1/merged/proc
      mount --bind /dev $1/merged/dev
      mount -t tmpfs tmpfs $1/merged/mnt
      mkdir $1/merged/mnt/old $1/merged/mnt/volume
      cd $1/merged
      pivot_root . mnt/old
      umount -l /mnt/old
      exec /bin/bash --norc
      """;

  private final Path folder;
  private final Process shell;
  private final BufferedWriter commands;
  private final BufferedReader answers;

  public FakePod() throws IOException {
    folder = Files.createTempDirectory("kp-pod");
    run("mount", "-t", "tmpfs", "kp", folder.toString());
    for (var name : new String[] {"upper", "work", "merged"}) {
      Files.createDirectory(folder.resolve(name));
    }
    shell =
        new ProcessBuilder(
                "unshare",
                "-m",
                "-n",
                "--propagation",
                "private",
                "sh",
                "-c",
                ENTER,
                "sh",
                folder.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    commands = new BufferedWriter(new OutputStreamWriter(shell.getOutputStream(), UTF_8));
    answers = new BufferedReader(new InputStreamReader(shell.getInputStream(), UTF_8));
    ask("echo ready");
  }

  /** Runs a line in the first process and returns the line that it prints. */
  public String ask(String line) throws IOException {
    commands.write(line + "\n");
    commands.flush();
    var answer = answers.readLine();
    if (answer == null) {
      throw new IOException("the shell of the pod ended at: " + line);
    }
    return answer;
  }

  /** Starts a program that says nothing, and returns its pid once exec is done. */
  public int start(String command) throws IOException {
    var pid = Integer.parseInt(ask(command + " </dev/null >/dev/null 2>&1 & echo $!"));
    var shell = ProcFs.of(firstPid()).commandLine();
    var until = System.nanoTime() + 60_000_000_000L;
    while (System.nanoTime() < until) {
      var arguments = ProcFs.of(pid).commandLine();
      if (arguments != null && !arguments.equals(shell)) {
        return pid;
      }
      Thread.onSpinWait();
    }
    throw new IOException("did not start within a minute: " + command);
  }

  public int firstPid() {
    return (int) shell.pid();
  }

  private static void run(String... command) throws IOException {
    var process = new ProcessBuilder(command).inheritIO().start();
    if (process.onExit().join().exitValue() != 0) {
      throw new IOException(String.join(" ", command) + " (expected: to run as root)");
    }
  }

  @Override
  public void close() throws IOException {
    var everybody = shell.descendants().toList();
    shell.destroyForcibly();
    everybody.forEach(ProcessHandle::destroyForcibly);
    shell.onExit().join();
    run("umount", "-l", folder.toString());
    Files.delete(folder);
  }
}
