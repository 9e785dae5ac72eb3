package io.kith.server.cli;

import picocli.CommandLine.IVersionProvider;

/** What {@code kith --version} says. */
final class VersionWords implements IVersionProvider {
  @Override
  public String[] getVersion() {
    return new String[] {"kith " + Version.current()};
  }
}
