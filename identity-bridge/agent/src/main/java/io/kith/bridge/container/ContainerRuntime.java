package io.kith.bridge.container;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A container runtime behind a Unix socket of this node. Thread-safe. */
interface ContainerRuntime extends AutoCloseable {
  /** How it is named to people: {@code Docker Engine at /run/docker.sock}. */
  String name();

  Path socket();

  /**
   * What it says of a container; takes as long as the limit that it was made with, at most.
   *
   * @param id 64 hex digits
   * @return null when it does not know the container
   * @throws IOException when it does not answer, or what it answers cannot be read
   */
  @Nullable ContainerFacts inspect(String id) throws IOException;

  @Override
  void close();
}
