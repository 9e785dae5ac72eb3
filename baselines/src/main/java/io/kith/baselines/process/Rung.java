package io.kith.baselines.process;

/** How the owner of a socket was found, worst first. */
public enum Rung {
  /** Not found at all. */
  NONE("-"),
  /** The workload only, nothing about the process. */
  WORKLOAD_ONLY("D"),
  /** Holders of the socket, by {@code sock_diag} and {@code /proc}. */
  DIAG("C"),
  /** Exact pid from the kernel, executable from {@code /proc}. */
  KERNEL_PID("B"),
  /** Exact pid and executable, frozen in the kernel at connect(). */
  KERNEL_EXACT("A"),
  /** {@link #KERNEL_EXACT}, and who sent the first byte. */
  KERNEL_EXACT_SENDER("A+");

  private final String letter;

  Rung(String letter) {
    this.letter = letter;
  }

  /** As operators write it: {@code A+}, {@code A}, {@code B}, {@code C}, {@code D} or {@code -}. */
  public String letter() {
    return letter;
  }
}
