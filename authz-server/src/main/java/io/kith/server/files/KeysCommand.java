package io.kith.server.files;

import io.kith.baselines.bundle.Keyring;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OutputOption;
import io.kith.server.verb.Surroundings;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Keys to sign with. */
@Command(
    name = "keys",
    description = "Make and look at keys that sign bundles and approvals (Ed25519, PEM).",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "VERB",
    subcommands = {KeysCommand.New.class, KeysCommand.Id.class},
    footerHeading = "%nExamples:%n",
    footer = {"  kith keys new qa.pem"})
public final class KeysCommand {
  /** Makes a key. */
  @Command(
      name = "new",
      description = {
        "Make a key: FILE, which only you can read, and FILE.pub for those who shall trust it.",
      },
      mixinStandardHelpOptions = true,
      sortOptions = false,
      footerHeading = "%nExamples:%n",
      footer = {"  kith keys new qa.pem        makes qa.pem and qa.pem.pub"})
  static final class New implements Callable<Integer> {
    @SuppressWarnings("NullAway.Init") // set by picocli
    @Spec
    CommandSpec spec;

    @Parameters(paramLabel = "FILE", description = "Must not exist yet.")
    Path file = Path.of("");

    @Mixin OutputOption output = new OutputOption();

    @Override
    public Integer call() throws Failure {
      var made = KeyFiles.create(Surroundings.of(spec).resolve(file));
      var document = new LinkedHashMap<String, Object>();
      document.put("id", made.id());
      document.put("secret", made.secret().toString());
      document.put("public", made.open().toString());
      var out = spec.commandLine().getOut();
      output.print(
          out,
          document,
          () -> {
            out.println("Key " + made.id());
            out.println("  " + made.secret() + "      signs; keep it");
            out.println("  " + made.open() + "  trusts it; give it away");
          });
      return 0;
    }
  }

  /** Names a key. */
  @Command(
      name = "id",
      description = "The id of a key, as records and messages name it.",
      mixinStandardHelpOptions = true,
      sortOptions = false,
      footerHeading = "%nExamples:%n",
      footer = {"  kith keys id qa.pem.pub"})
  static final class Id implements Callable<Integer> {
    @SuppressWarnings("NullAway.Init") // set by picocli
    @Spec
    CommandSpec spec;

    @Parameters(paramLabel = "FILE", description = "A public key, or a file that has one.")
    Path file = Path.of("");

    @Mixin OutputOption output = new OutputOption();

    @Override
    public Integer call() throws Failure {
      var id = Keyring.idOf(KeyFiles.open(Surroundings.of(spec).resolve(file)));
      var out = spec.commandLine().getOut();
      output.print(out, Map.of("id", id), () -> out.println(id));
      return 0;
    }
  }
}
