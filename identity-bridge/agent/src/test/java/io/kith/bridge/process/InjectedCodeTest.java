package io.kith.bridge.process;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Real processes in a real overlay that map files as code; the system calls are x86-64's. */
@Tag("root")
@Timeout(600)
class InjectedCodeTest {
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private static final String MAPS =
      """
      sub code {
        my ($name, $place) = @_;
        open(my $f, "<", $name) or die;
        system_call(9, $place || 0, 4096, 5, 2, fileno $f, 0);
      }
      sub system_call { my $r = syscall(shift, @_); die "$!" if $r == -1; $r }
      eval $ARGV[0];
      die $@ if $@;
      $0 = "mapped";
      $SIG{USR1} = sub { exec "/usr/bin/sleep", "1000" };
      sleep 1000;
      """;

  private static FakePod pod;
  private static String library;
  private static Container container;
  private final AtomicLong nanos = new AtomicLong(1);
  private final InjectedCode injected = new InjectedCode(nanos::get);

  @BeforeAll
  static void startPod() throws Exception {
    pod = new FakePod();
    pod.ask("cat > /srv/map.pl <<'E'\n" + MAPS + "E\necho");
    library = pod.ask("readlink -f $(ldconfig -p | awk '/libm.so.6 /{print $NF; exit}')");
    pod.ask("cp " + library + " /srv/evil.so; mkdir -p /srv/jail /srv/place; echo");
    container =
        requireNonNull(
            new Containers(System::nanoTime).of(ProcFs.of(pod.firstPid()).link("ns/mnt"), 0));
  }

  @AfterAll
  static void stopPod() throws Exception {
    pod.close();
  }

  /** Starts a process that maps what a text in Perl says, and waits until it has. */
  private static int start(String before, String code) throws IOException {
    var pid = pod.start(before + " perl /srv/map.pl '" + code + "'");
    await("mapped", pid);
    return pid;
  }

  private static int start(String code) throws IOException {
    return start("", code);
  }

  private static void await(String name, int pid) throws IOException {
    var until = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      var arguments = ProcFs.of(pid).commandLine();
      if (arguments != null && arguments.words().getFirst().equals(name)) {
        return;
      }
      if (System.nanoTime() > until || !Files.exists(Path.of("/proc/" + pid))) {
        throw new IOException("process " + pid + " is not '" + name + "'");
      }
      Thread.onSpinWait();
    }
  }

  private static ProcessKey keyOf(int pid) {
    return new ProcessKey(pid, requireNonNull(ProcFs.of(pid).stat()).startNanos(), 7);
  }

  private List<String> of(int pid) {
    return of(keyOf(pid));
  }

  private List<String> of(ProcessKey key) {
    nanos.addAndGet(2_000_000_000);
    return injected.of(key, 0, null, container);
  }

  @Test
  void of_filesNamedAsTheKernelNamesMemory_areReported() throws Exception {
    pod.ask(
        "mkdir /memfd:x; cp /srv/evil.so /memfd:x/evil.so; cp /srv/evil.so /SYSVevil;"
            + " cp /srv/evil.so /memfd:gone; echo");
    var pid =
        start(
            "code \"/memfd:x/evil.so\"; code \"/SYSVevil\"; code \"/memfd:gone\";"
                + " unlink \"/memfd:gone\"");

    assertThat(of(pid)).containsExactlyInAnyOrder("/memfd:x/evil.so", "/SYSVevil", "/memfd:gone");
  }

  @Test
  void atHand_forASecondAfterALook() throws Exception {
    var key = keyOf(start("code \"/srv/evil.so\""));
    assertThat(injected.atHand(key, container)).isNull();
    assertThat(injected.atHand(key, null)).as("without an image").isEmpty();

    var found = of(key);

    assertThat(injected.atHand(key, container)).isEqualTo(found).isNotEmpty();
    nanos.addAndGet(1_000_000_000);
    assertThat(injected.atHand(key, container)).isNull();
  }

  /** As JIT compilers have it. */
  @Test
  void of_memory_isNotReported() throws Exception {
    var pid =
        start(
            "my $n = \"jit\"; my $f = system_call(319, $n, 0); system_call(77, $f, 4096);"
                + " system_call(9, 0, 4096, 7, 1, $f, 0);"
                + " system_call(9, 0, 4096, 7, 0x21, -1, 0);"
                + " my $m = shmget(0, 4096, 0700); system_call(30, $m, 0, 0100000);"
                + " shmctl($m, 0, 0); open(my $z, \"+<\", \"/dev/zero\") or die;"
                + " system_call(9, 0, 4096, 7, 2, fileno $z, 0)");

    assertThat(ProcFs.of(pid).maps().lines().filter(line -> line.contains("rwx")))
        .as("what it has")
        .hasSize(4)
        .allMatch(line -> line.matches(".* /(memfd:jit|dev/zero|SYSV00000000)( \\(deleted\\))?"));
    assertThat(of(pid)).isEmpty();
  }

  @Test
  void of_twoFilesOfOneName_areBothLookedAt() throws Exception {
    var pid =
        start(
            "unshare -m",
            "code \"$LIB\", 0x10000000; system(\"mount --bind /srv/evil.so $LIB\") and die;"
                .concat(" code \"$LIB\"")
                .replace("$LIB", library));

    assertThat(of(pid)).containsExactly(library);
  }

  @Test
  void of_anotherRoot_hidesNothingAndAccusesNobody() throws Exception {
    var evil = start("code \"/srv/evil.so\"; chroot \"/srv/jail\" or die");
    var plain = start("code \"" + library + "\"; chroot \"/srv/jail\" or die");

    assertThat(of(evil)).containsExactly("/srv/evil.so");
    assertThat(of(plain)).isEmpty();
  }

  @Test
  void of_mountThatIsNotThereAnyMore_hidesNothing() throws Exception {
    var memory =
        start(
            "unshare -m",
            "system(\"mount -t tmpfs t /srv/place; cp /srv/evil.so /srv/place\") and die;"
                + " code \"/srv/place/evil.so\"; system(\"umount -l /srv/place\") and die");
    var folder =
        start(
            "unshare -m",
            "system(\"mount --bind /srv /srv/place\") and die; code \"/srv/place/evil.so\";"
                + " system(\"umount -l /srv/place\") and die");

    assertThat(of(memory)).hasSize(1);
    assertThat(of(folder)).hasSize(1);
  }

  /** As of those that lock themselves up and say goodbye to the root that they came from. */
  @Test
  void of_codeOfTheImageInMountsOfItsOwn_isNotReported() throws Exception {
    var mounts = start("unshare -m", "code \"" + library + "\"");
    var root =
        start(
            "unshare -m",
            "system(\"mount --make-rprivate / 2>/dev/null; mount -t tmpfs t /srv/place;"
                + " mkdir /srv/place/old\") and die;"
                + " chdir \"/srv/place\"; my ($n, $o) = (\".\", \"old\"); system_call(155, $n, $o);"
                + " chroot \".\"; chdir \"/\"; my $d = \"/old\"; system_call(166, $d, 2)");

    assertThat(of(mounts)).isEmpty();
    assertThat(of(root)).isEmpty();
  }

  /** Its name is not its name any more when the writable layer is asked for it. */
  @Test
  void of_folderThatIsRenamedAllTheTime_isReported() throws Exception {
    pod.ask("mkdir /srv/a0; cp /srv/evil.so /srv/a0; echo");
    var renames =
        pod.start(
            "perl -e 'for (my $i = 0;; $i++) {"
                + " rename \"/srv/a\" . $i % 3, \"/srv/a\" . ($i + 1) % 3 or die }'");
    try {
      var pid =
          start("for (;;) { last if eval { code \"/srv/a\" . int(rand 3) . \"/evil.so\"; 1 } }");

      var missed = 0;
      for (var i = 0; i < 300; i++) {
        missed += of(pid).size() == 1 ? 0 : 1;
      }

      assertThat(missed).isZero();
    } finally {
      ProcessHandle.of(renames).ifPresent(ProcessHandle::destroyForcibly);
    }
  }

  @Test
  void of_oneThatIsAnotherProgramSince_keepsWhatItHad() throws Exception {
    var pid = start("code \"/srv/evil.so\"");
    var key = keyOf(pid);
    var unclear = new ProcessKey(pid, 0, 0);
    assertThat(of(key)).containsExactly("/srv/evil.so");
    assertThat(of(unclear)).containsExactly("/srv/evil.so");

    pod.ask("kill -USR1 " + pid + "; echo");
    await("/usr/bin/sleep", pid);

    assertThat(injected.of(unclear, 0, null, container)).as("what is there now").isEmpty();
    assertThat(of(key)).containsExactly("/srv/evil.so");
    assertThat(of(key)).containsExactly("/srv/evil.so");
    assertThat(of(new ProcessKey(pid, key.startNanos(), 8))).isEmpty();
  }

  /** A process that has ended shows no mappings. */
  @Test
  void of_zombie_isTheLastAnswer() throws Exception {
    var parent =
        start(
            "if (my $p = fork) { open(my $o, \">\", \"/srv/child\"); print $o $p; close $o }"
                + " else { code \"/srv/evil.so\" }"); // and waits for no child
    var pid = Integer.parseInt(pod.ask("echo $(cat /srv/child)"));
    await("mapped", pid);
    var key = keyOf(pid);
    assertThat(of(key)).containsExactly("/srv/evil.so");

    ProcessHandle.of(pid).orElseThrow().destroyForcibly();

    var until = System.nanoTime() + PATIENCE.toNanos();
    while (!ProcFs.of(pid).maps().isEmpty() && System.nanoTime() < until) {
      Thread.onSpinWait();
    }
    assertThat(of(key)).containsExactly("/srv/evil.so");
    ProcessHandle.of(parent).ifPresent(ProcessHandle::destroyForcibly);
  }
}
