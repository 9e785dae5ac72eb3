package io.kith.load.lab;

import io.kith.load.ffm.NetworkNamespace;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** What a pod's programs run in: a root of its own, and a first process that starts them. */
interface Container extends AutoCloseable {
  /** Its first process, as this machine numbers it. */
  long firstPid();

  /** Where this machine sees its files. */
  Path root();

  /**
   * Has its first process, {@code /entrypoint}, start a program.
   *
   * @param job folder of the container that says which
   */
  void request(String job) throws IOException;

  /**
   * The command that runs a program which enters the container from outside.
   *
   * @param network that the program is in
   */
  List<String> entering(NetworkNamespace network, int uid, List<String> argv);

  /** Ends it with all its processes. */
  @Override
  void close();
}
