package io.kith.bridge.ffm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.kith.bridge.ffm.Bpf.ProgramKind;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All processes of this machine in one walk along the kernel's own list: a few microseconds each,
 * where {@code /proc} takes a system call for every question about every process.
 *
 * <p>Needs Linux 5.8 with types (BTF), CAP_BPF and CAP_PERFMON. Thread-safe.
 *
 * <p>This file is also available under BSD-3-Clause or GPL-2.0, as the kernel wants for the helpers
 * that its program calls ("Dual BSD/GPL").
 */
public final class TaskWalk implements AutoCloseable {
  /*
   *  record, little-endian, on the program's stack from -RECORD on
   *    0  pid, parent's pid                    u32, u32
   *    8  start, ns after boot                 u64
   *   16  exec id                              u64
   *   24  where the stack starts               u64
   *   32  network, mount, pid namespace, 0     u32 × 4
   *   48  executable: name, mount, inode       u64 × 3    the first two are addresses in the kernel
   *   72  root: name, mount                    u64 × 2    the same
   *   88
   */
  private static final int PID = 0;
  private static final int PARENT = 4;
  private static final int START = 8;
  private static final int EXEC_ID = 16;
  private static final int STACK = 24;
  private static final int NETWORK = 32;
  private static final int MOUNTS = 36;
  private static final int PIDS = 40;
  private static final int NAME = 48;
  private static final int MOUNT = 56;
  private static final int INODE = 64;
  private static final int ROOT_NAME = 72;
  private static final int ROOT_MOUNT = 80;
  private static final int BYTES = 88;

  private static final int VALUE = -8;
  private static final int RECORD = VALUE - BYTES;

  // Helpers, by their numbers in linux/bpf.h.
  private static final int READ_KERNEL = 113;
  private static final int WRITE = 127;

  private static final int CHUNK = 64 << 10;

  private final Descriptor program;
  private final Descriptor attachment;
  private final Self self;

  private TaskWalk(Descriptor program, Descriptor attachment, Self self) {
    this.program = program;
    this.attachment = attachment;
    this.self = self;
  }

  /**
   * A process.
   *
   * @param pid as the host counts
   * @param parent pid of its parent
   * @param startNanos after boot
   * @param execId changes with every exec
   * @param stack where the stack starts: another address after nearly every exec
   * @param network number of its network namespace; 0 when it has ended
   * @param mounts number of its mount namespace; 0 when it has ended
   * @param pids number of its pid namespace; 0 when it has ended
   * @param program null when it has ended, and for the kernel's own
   */
  public record Task(
      int pid,
      int parent,
      long startNanos,
      long execId,
      long stack,
      long network,
      long mounts,
      long pids,
      @Nullable Program program) {}

  /**
   * What stands for the path of an executable inside its root: of two processes in one walk that
   * have the same, the paths are the same.
   */
  public record Program(long name, long mount, long inode, long rootName, long rootMount) {
    // What a record gets by itself is linked when it is first used, at the start of the bridge.
    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Program that
          && name == that.name
          && mount == that.mount
          && inode == that.inode
          && rootName == that.rootName
          && rootMount == that.rootMount;
    }

    @Override
    public int hashCode() {
      return Long.hashCode(name + 31 * (mount + 31 * (inode + 31 * (rootName + 31 * rootMount))));
    }
  }

  /** What the walk must find of ourselves. */
  private record Self(int pid, ProcStat stat, String network, String mounts, String pids) {
    static Self now() throws IOException {
      var stat = ProcStat.read("/proc/self");
      if (stat == null) {
        throw new IOException("/proc/self/stat cannot be read");
      }
      return new Self(
          (int) ProcessHandle.current().pid(), stat, link("net"), link("mnt"), link("pid"));
    }

    private static String link(String namespace) throws IOException {
      return PosixFile.readLink("/proc/self/ns/" + namespace);
    }

    boolean is(Task task) {
      return stat.startedAt(task.startNanos)
          && (stat.stack() == 0 || stat.stack() == task.stack)
          && network.equals(namespace("net", task.network))
          && mounts.equals(namespace("mnt", task.mounts))
          && pids.equals(namespace("pid", task.pids))
          && task.program != null;
    }
  }

  /** As {@code /proc/PID/ns} names a namespace; null for number 0. */
  public static @Nullable String namespace(String kind, long number) {
    return number == 0 ? null : kind + ":[" + number + "]";
  }

  /**
   * Makes ready.
   *
   * @throws KernelException when the kernel refuses
   * @throws IllegalArgumentException when it keeps its processes in another way
   * @throws IOException when it cannot be known what must be found of ourselves
   */
  public static TaskWalk open(Btf btf) throws KernelException, IOException {
    var self = Self.now();
    var program =
        Bpf.program("kith_walk", ProgramKind.WALK, program(btf), btf.functionId("bpf_iter_task"));
    try {
      return new TaskWalk(program, Bpf.attachWalk(program), self);
    } catch (KernelException e) {
      program.close();
      throw e;
    }
  }

  /**
   * The processes there are, by pid, with those that have ended and were not waited for.
   *
   * @throws KernelException also when what the walk says of ourselves is not true
   */
  public List<Task> tasks() throws KernelException {
    var tasks = new ArrayList<Task>();
    try (var walk = Bpf.walk(attachment);
        var arena = Arena.ofConfined()) {
      var chunk = arena.allocate(CHUNK, 8);
      var bytes = chunk.asByteBuffer().order(ByteOrder.nativeOrder());
      var filled = 0L;
      while (true) {
        var count = Libc.read(walk.number(), chunk.asSlice(filled));
        if (count < 0) {
          throw new KernelException("walk along the processes", (int) -count);
        }
        if (count == 0) {
          break;
        }
        filled += count;
        var at = 0;
        for (; at + BYTES <= filled; at += BYTES) {
          tasks.add(task(bytes, at));
        }
        MemorySegment.copy(chunk, JAVA_BYTE, at, chunk, JAVA_BYTE, 0, filled - at);
        filled -= at;
      }
    }
    for (var task : tasks) {
      if (task.pid == self.pid && self.is(task)) {
        return tasks;
      }
    }
    throw new KernelException(
        "walk along the processes", Errno.EINVAL, "it does not find the bridge as it is");
  }

  private static Task task(ByteBuffer in, int at) {
    var name = in.getLong(at + NAME);
    return new Task(
        in.getInt(at + PID),
        in.getInt(at + PARENT),
        in.getLong(at + START),
        in.getLong(at + EXEC_ID),
        in.getLong(at + STACK),
        Integer.toUnsignedLong(in.getInt(at + NETWORK)),
        Integer.toUnsignedLong(in.getInt(at + MOUNTS)),
        Integer.toUnsignedLong(in.getInt(at + PIDS)),
        name == 0
            ? null
            : new Program(
                name,
                in.getLong(at + MOUNT),
                in.getLong(at + INODE),
                in.getLong(at + ROOT_NAME),
                in.getLong(at + ROOT_MOUNT)));
  }

  // ---- the program: 6 is the file that is read, 8 the task, 7 and 9 what is being walked

  private static Assembler program(Btf btf) {
    var a = new Assembler();
    a.load64(2, 1, 0).load64(6, 2, btf.offsetOf("bpf_iter_meta", "seq"));
    a.load64(8, 1, 8).jumpIfEqual(8, 0, "out");
    for (var field = 0; field < BYTES; field += 8) {
      a.storeValue64(10, RECORD + field, 0);
    }
    read(a, 8, btf.offsetOf("task_struct", "tgid"), 4);
    a.load32(7, 10, VALUE).store32(10, RECORD + PID, 7);
    read(a, 8, btf.offsetOf("task_struct", "pid"), 4);
    a.load32(1, 10, VALUE).jumpUnlessSame(1, 7, "out"); // a further thread
    copy(a, 8, btf.offsetOf("task_struct", "start_boottime", "real_start_time"), START);
    copy(a, 8, btf.offsetOf("task_struct", "self_exec_id"), EXEC_ID);
    follow(a, 8, btf.offsetOf("task_struct", "real_parent"), "no-parent");
    read(a, 9, btf.offsetOf("task_struct", "tgid"), 4);
    a.load32(1, 10, VALUE).store32(10, RECORD + PARENT, 1);
    a.label("no-parent");
    namespaces(a, btf);
    executable(a, btf);
    a.move(1, 6).move(2, 10).add(2, RECORD).set(3, BYTES).call(WRITE);
    return a.label("out").set(0, 0).exit();
  }

  private static void namespaces(Assembler a, Btf btf) {
    var number = btf.offsetOf("ns_common", "inum");
    follow(a, 8, btf.offsetOf("task_struct", "nsproxy"), "no-namespaces");
    a.move(7, 9);
    follow(a, 7, btf.offsetOf("nsproxy", "net_ns"), "no-network");
    copyInt(a, 9, btf.offsetOf("net", "ns") + number, NETWORK);
    a.label("no-network");
    follow(a, 7, btf.offsetOf("nsproxy", "mnt_ns"), "no-namespaces");
    copyInt(a, 9, btf.offsetOf("mnt_namespace", "ns") + number, MOUNTS);
    a.label("no-namespaces");
    // The pid namespace that it is in is that of the last of its numbers.
    if (btf.sizeOf("upid") != 16) {
      throw new IllegalArgumentException("this kernel's struct upid has another size");
    }
    follow(a, 8, btf.offsetOf("task_struct", "thread_pid"), "no-numbers");
    read(a, 9, btf.offsetOf("pid", "level"), 4);
    a.load32(1, 10, VALUE).shiftLeft(1, 4).addRegister(9, 1);
    follow(a, 9, btf.offsetOf("pid", "numbers") + btf.offsetOf("upid", "ns"), "no-numbers");
    copyInt(a, 9, btf.offsetOf("pid_namespace", "ns") + number, PIDS);
    a.label("no-numbers");
  }

  private static void executable(Assembler a, Btf btf) {
    var name = btf.offsetOf("path", "dentry");
    var mount = btf.offsetOf("path", "mnt");
    follow(a, 8, btf.offsetOf("task_struct", "fs"), "no-executable");
    var root = btf.offsetOf("fs_struct", "root");
    copy(a, 9, root + name, ROOT_NAME);
    copy(a, 9, root + mount, ROOT_MOUNT);
    follow(a, 8, btf.offsetOf("task_struct", "mm"), "no-executable");
    a.move(7, 9);
    copy(a, 7, btf.offsetOf("mm_struct", "start_stack"), STACK);
    follow(a, 7, btf.offsetOf("mm_struct", "exe_file"), "no-executable");
    var path = btf.offsetOf("file", "f_path");
    copy(a, 9, path + name, NAME);
    copy(a, 9, path + mount, MOUNT);
    follow(a, 9, btf.offsetOf("file", "f_inode"), "no-executable");
    copy(a, 9, btf.offsetOf("inode", "i_ino"), INODE);
    a.label("no-executable");
  }

  /** Reads bytes at base + offset in the kernel's memory into the value; zeroes on a fault. */
  private static void read(Assembler a, int base, int offset, int bytes) {
    a.storeValue64(10, VALUE, 0).move(1, 10).add(1, VALUE).set(2, bytes);
    a.move(3, base).add(3, offset).call(READ_KERNEL);
  }

  /** 9 = the pointer at base + offset; jumps when there is none. */
  private static void follow(Assembler a, int base, int offset, String otherwise) {
    read(a, base, offset, 8);
    a.load64(9, 10, VALUE).jumpIfEqual(9, 0, otherwise);
  }

  private static void copy(Assembler a, int base, int offset, int field) {
    a.move(1, 10).add(1, RECORD + field).set(2, 8).move(3, base).add(3, offset);
    a.call(READ_KERNEL);
  }

  private static void copyInt(Assembler a, int base, int offset, int field) {
    a.move(1, 10).add(1, RECORD + field).set(2, 4).move(3, base).add(3, offset);
    a.call(READ_KERNEL);
  }

  @Override
  public void close() {
    attachment.close();
    program.close();
  }
}
