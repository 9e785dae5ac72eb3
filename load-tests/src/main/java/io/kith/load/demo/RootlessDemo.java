package io.kith.load.demo;

import io.kith.load.lab.Lab;
import io.kith.load.lab.LoopbackLab;
import java.io.IOException;

/** What can be shown without privileges. */
final class RootlessDemo {
  private final Screen screen;

  RootlessDemo(Screen screen) {
    this.screen = screen;
  }

  int run() throws IOException, InterruptedException {
    screen.title("Kith, without the privileges for the whole story. Missing:");
    Lab.missing().forEach(screen::bad);
    screen.title("What is lost:");
    LoopbackLab.losses().forEach(screen::bad);
    return 1;
  }
}
