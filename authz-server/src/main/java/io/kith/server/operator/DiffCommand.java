package io.kith.server.operator;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.baselines.config.ConfigException;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.identity.Owner;
import io.kith.server.files.BaselineFiles;
import io.kith.server.files.DiffDocument;
import io.kith.server.files.TrustOption;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OutputOption;
import io.kith.server.verb.Surroundings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** What differs between two baselines. */
@Command(
    name = "diff",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    customSynopsis = {
      "kith diff [OPTIONS] OWNER [FROM [TO]]",
      "       kith diff [OPTIONS] FILE FILE",
    },
    description = {
      "%nWhat changes from one baseline to another: new processes and destinations, what is gone,"
          + " and, apart from that, where only a file or its terms changed.",
      "Of a running server, from what is enforced to what waits; or of two files, each native YAML"
          + " or a signed bundle.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith diff shop/deployment/checkout              enforced → what is proposed",
      "  kith diff shop/deployment/checkout enforced draft",
      "  kith diff old.yaml new.yaml                     no server needed",
      "  kith diff old.yaml qa.bundle --trust qa.pem.pub",
    })
public final class DiffCommand implements Callable<Integer> {
  @SuppressWarnings("NullAway.Init") // set by picocli
  @Spec
  CommandSpec spec;

  @Parameters(
      arity = "1..3",
      paramLabel = "WHAT",
      description =
          "Two files; or a workload and the revisions to compare: bl:…, enforced, shadow, proposed"
              + " or draft (what would be proposed now).")
  List<String> what = List.of();

  @Mixin TrustOption trust = new TrustOption();
  @Mixin OutputOption output = new OutputOption();
  @Mixin ServerOption server = new ServerOption();

  @Override
  public Integer call() throws Failure, ConfigException, IOException, InterruptedException {
    var surroundings = Surroundings.of(spec);
    var diff = offline(surroundings);
    if (diff == null) {
      diff = server.ask(surroundings, this::ask);
    }
    var found = diff;
    var out = spec.commandLine().getOut();
    output.print(out, found.map(), () -> found.print(out));
    return found.isEmpty() ? 0 : Failure.FOUND;
  }

  private @Nullable DiffDocument offline(Surroundings surroundings) throws Failure {
    if (what.size() != 2) {
      return null;
    }
    var one = surroundings.resolve(Path.of(what.getFirst()));
    var other = surroundings.resolve(Path.of(what.getLast()));
    if (!Files.exists(one) && !Files.exists(other) && isOwner(what.getFirst())) {
      return null;
    }
    var trusted = trust.files.stream().map(surroundings::resolve).toList();
    return DiffDocument.of(BaselineFiles.read(one, trusted), BaselineFiles.read(other, trusted));
  }

  private static boolean isOwner(String text) {
    try {
      Owner.parse(text);
      return true;
    } catch (IllegalArgumentException _) {
      return false;
    }
  }

  private DiffDocument ask(AdminServiceBlockingStub admin) throws Failure {
    var owner = what.getFirst();
    var from = what.size() > 1 ? what.get(1) : "enforced";
    var before = before(admin, owner, from);
    var after = ServerBaselines.get(admin, owner, what.size() > 2 ? what.get(2) : "");
    return DiffDocument.of(before, Map.of(after.owner(), after));
  }

  /** Nothing enforced yet is nothing to differ from, unless a revision was asked for. */
  private Map<Owner, Baseline> before(AdminServiceBlockingStub admin, String owner, String revision)
      throws Failure {
    try {
      var before = ServerBaselines.get(admin, owner, revision);
      return Map.of(before.owner(), before);
    } catch (StatusRuntimeException e) {
      if (what.size() == 1 && e.getStatus().getCode() == Status.Code.NOT_FOUND) {
        return Map.of();
      }
      throw e;
    }
  }
}
