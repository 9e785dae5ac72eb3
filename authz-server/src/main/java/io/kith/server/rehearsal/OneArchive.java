package io.kith.server.rehearsal;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Writes the archives of a class path as one. Whoever asks a JVM for a service, as its logging does
 * before anything else, has it open each archive to look for one, also where all classes come from
 * a cache: of eighty that takes longer than to read a configuration.
 */
public final class OneArchive {
  private static final String SERVICES = "META-INF/services/";

  /** What is of one archive: its manifest, what it was signed with, what it is as a module. */
  private static final Pattern OF_ONE =
      Pattern.compile("META-INF/(MANIFEST\\.MF|[^/]+\\.(SF|RSA|DSA|EC))|(.*/)?module-info\\.class");

  private OneArchive() {}

  /** Takes the class path, and where the archive is written. */
  public static void main(String[] arguments) throws IOException {
    write(
        Stream.of(arguments[0].split(File.pathSeparator, -1)).map(Path::of).toList(),
        Path.of(arguments[1]));
  }

  /**
   * Writes them in order: of what several have, the first counts, as on a class path; of services
   * all do. Classes are those of this JVM's version, and in a format that it keeps in a cache.
   */
  static void write(List<Path> archives, Path to) throws IOException {
    var services = new LinkedHashMap<String, ByteArrayOutputStream>();
    var written = new HashSet<String>();
    try (var out = new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(to)))) {
      out.setLevel(Deflater.BEST_SPEED);
      for (var archive : archives) {
        try (var jar = new JarFile(archive.toFile(), false, ZipFile.OPEN_READ, Runtime.version())) {
          add(jar, written, services, out);
        }
      }
      for (var service : services.entrySet()) {
        write(out, service.getKey(), service.getValue().toByteArray());
      }
    }
  }

  private static void add(
      JarFile jar,
      Set<String> written,
      Map<String, ByteArrayOutputStream> services,
      ZipOutputStream out)
      throws IOException {
    var format = CurrentClasses.format(jar);
    for (var entry : jar.versionedStream().toList()) {
      var name = entry.getName();
      if (entry.isDirectory() || OF_ONE.matcher(name).matches()) {
        continue;
      }
      if (name.startsWith(SERVICES)) {
        var providers = services.computeIfAbsent(name, _ -> new ByteArrayOutputStream());
        providers.writeBytes(CurrentClasses.read(jar, entry));
        providers.write('\n');
      } else if (written.add(name)) {
        var bytes = CurrentClasses.read(jar, entry);
        write(out, name, name.endsWith(".class") ? CurrentClasses.current(format, bytes) : bytes);
      }
    }
  }

  private static void write(ZipOutputStream out, String name, byte[] bytes) throws IOException {
    out.putNextEntry(new ZipEntry(name));
    out.write(bytes);
    out.closeEntry();
  }
}
