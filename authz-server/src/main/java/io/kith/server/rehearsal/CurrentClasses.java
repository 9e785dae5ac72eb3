package io.kith.server.rehearsal;

import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassBuilder;
import java.lang.classfile.ClassElement;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFile.ClassHierarchyResolverOption;
import java.lang.classfile.ClassFile.StackMapsOption;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.MethodModel;
import java.lang.classfile.MethodTransform;
import java.lang.constant.ClassDesc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * Writes an archive's classes in a format that the JVM can keep in a cache: those of before Java 6
 * it verifies anew at each start, and keeps nothing of them. What they do stays the same; what is
 * added are the stack maps by which newer ones are verified.
 */
public final class CurrentClasses {
  private static final int SINCE_STACK_MAPS = ClassFile.JAVA_7_VERSION;

  private CurrentClasses() {}

  /** Takes the archive and where the new one is written; both parts of the class path's classes. */
  public static void main(String[] arguments) throws IOException {
    write(Path.of(arguments[0]), Path.of(arguments[1]));
  }

  /** Writes the archive, classes of old format anew and all else as it is. */
  static void write(Path from, Path to) throws IOException {
    try (var old = new JarFile(from.toFile());
        var out = new ZipOutputStream(Files.newOutputStream(to))) {
      var format = format(old);
      for (var entry : old.stream().toList()) {
        var bytes = read(old, entry);
        out.putNextEntry(new ZipEntry(entry.getName()));
        out.write(entry.getName().endsWith(".class") ? current(format, bytes) : bytes);
        out.closeEntry();
      }
    }
  }

  /** The class as it is, or anew. */
  static byte[] current(ClassFile format, byte[] bytes) {
    var model = format.parse(bytes);
    return model.majorVersion() >= ClassFile.JAVA_6_VERSION
        ? bytes
        : format.transformClass(model, new Anew());
  }

  /** With the types of the archive at hand, by which stack maps are made. */
  static ClassFile format(JarFile jar) {
    var types = ClassHierarchyResolver.ofResourceParsing(type -> open(jar, type));
    return ClassFile.of(
        StackMapsOption.GENERATE_STACK_MAPS,
        ClassHierarchyResolverOption.of(
            types.orElse(ClassHierarchyResolver.defaultResolver()).cached()));
  }

  private static @Nullable InputStream open(JarFile jar, ClassDesc type) {
    var descriptor = type.descriptorString();
    var entry = jar.getEntry(descriptor.substring(1, descriptor.length() - 1) + ".class");
    try {
      return entry == null ? null : jar.getInputStream(entry);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  static byte[] read(JarFile jar, ZipEntry entry) throws IOException {
    try (var in = jar.getInputStream(entry)) {
      return in.readAllBytes();
    }
  }

  /** Everything as it was, code written anew. */
  private static final class Anew implements ClassTransform {
    private static final MethodTransform CODE =
        MethodTransform.transformingCode(CodeTransform.ACCEPT_ALL);

    @Override
    public void accept(ClassBuilder builder, ClassElement element) {
      switch (element) {
        case ClassFileVersion _ -> builder.withVersion(SINCE_STACK_MAPS, 0);
        case MethodModel method -> builder.transformMethod(method, CODE);
        default -> builder.with(element);
      }
    }
  }
}
