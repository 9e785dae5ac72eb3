package io.kith.server.operator;

import com.google.protobuf.ByteString;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.ImportRequest;
import io.kith.admin.v1.ImportResponse;
import io.kith.baselines.bundle.Bundle;
import io.kith.baselines.change.DestinationMap;
import io.kith.baselines.change.Promotion;
import io.kith.baselines.config.ConfigException;
import io.kith.server.files.BaselineFiles;
import io.kith.server.files.BundleFiles;
import io.kith.server.files.KeyFiles;
import io.kith.server.files.MapFile;
import io.kith.server.files.TrustOption;
import io.kith.server.verb.Failure;
import io.kith.server.verb.TextFile;
import io.kith.server.verb.Words;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** A bundle of one environment for another. */
@Command(
    name = "promote",
    description = {
      "Take a signed bundle of another environment in, with its destinations mapped.",
      "By default what it says is a voucher: evidence for the learner, and no permission. With"
          + " --policy its baselines are proposed. What does not map is listed and stays behind.",
      "With --out, or with --against, no server is asked: the bundle is mapped here, shown, and"
          + " written as a bundle of this environment.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith promote shop.bundle --from qa --to prod --map map.yaml --dry-run",
      "  kith promote shop.bundle --from qa --to prod --map map.yaml --note \"release 7\"",
      "  kith promote shop.bundle --map map.yaml --trust qa.pem.pub --against prod.yaml \\",
      "      --key prod.pem --out shop-prod.bundle",
    })
public final class PromoteCommand extends AdminVerb<ImportResponse> {
  @Parameters(paramLabel = "BUNDLE", description = "As kith bundle create and kith learn write it.")
  Path bundle = Path.of("");

  @Option(names = "--from", paramLabel = "ENV", description = "Where it is from; checked.")
  @Nullable String from;

  @Option(names = "--to", paramLabel = "ENV", description = "Where this is; checked.")
  @Nullable String to;

  @Option(
      names = "--map",
      paramLabel = "FILE",
      description =
          "What destinations are called here (kind DestinationMap). Default, on a server: owners"
              + " and mesh services as they are, and nothing that leaves the mesh.")
  @Nullable Path map;

  @Option(names = "--policy", description = "Propose the baselines, instead of only vouching.")
  boolean policy;

  @Option(names = "--dry-run", description = "Verify and map, and change nothing.")
  boolean dryRun;

  @Option(
      names = "--note",
      paramLabel = "TEXT",
      description = "Why; kept in the record of changes. Needed unless nothing changes.")
  String note = "";

  @Mixin TrustOption trust = new TrustOption();

  @Option(
      names = "--against",
      paramLabel = "FILE",
      description = "Without a server: what is enforced here, native YAML or a bundle.")
  @Nullable Path against;

  @Option(names = "--key", paramLabel = "FILE", description = "With --out: key to sign with (PEM).")
  @Nullable Path key;

  @Option(names = "--out", paramLabel = "FILE", description = "Where to write the mapped bundle.")
  @Nullable Path written;

  @Option(
      names = "--ttl",
      paramLabel = "TIME",
      description = "With --out: how long the bundle may be used. Default: ${DEFAULT-VALUE}.")
  String ttl = "30d";

  @Override
  public Integer call() throws Failure, ConfigException, IOException, InterruptedException {
    if (written == null && against == null) {
      if (!trust.files.isEmpty()) {
        throw Failure.usage(
            "--trust: a server trusts whom its configuration names (expected: --out or --against"
                + " beside it, to do it here)");
      }
      checkNames();
      return super.call();
    }
    if ((written == null) != (key == null)) {
      throw Failure.usage("--out: needs --key, and --key needs --out");
    }
    if (written != null && dryRun) {
      throw Failure.usage("--dry-run: writes nothing (expected: without --out and --key)");
    }
    if (policy) {
      throw Failure.usage("--policy: proposes on a server (expected: without --out and --against)");
    }
    if (map == null) {
      throw Failure.usage("--map: missing (expected: a file of kind DestinationMap)");
    }
    var answer = offline(surroundings().resolve(map));
    output.print(out(), answer, () -> print(answer, out()));
    return 0;
  }

  /** The server checks the bundle against the map; the person is checked against the map here. */
  private void checkNames() throws Failure {
    if (!dryRun && note.isBlank()) {
      throw Failure.usage("--note: missing (expected: why; or --dry-run)");
    }
    if (map != null) {
      named(MapFile.read(surroundings().resolve(map)));
    } else if (from != null || to != null) {
      throw Failure.usage("--from and --to: without --map (expected: the map that says so)");
    }
  }

  private DestinationMap named(DestinationMap read) throws Failure {
    if (from != null && !from.equals(read.from())) {
      throw Failure.refused(
          map + ": leads from '" + read.from() + "' (expected: from '" + from + "')");
    }
    if (to != null && !to.equals(read.to())) {
      throw Failure.refused(map + ": leads to '" + read.to() + "' (expected: to '" + to + "')");
    }
    return read;
  }

  private ImportResponse offline(Path mapFile) throws Failure {
    var here = surroundings();
    var trusted = trust.files.stream().map(here::resolve).toList();
    var signed = BaselineFiles.readBundle(here.resolve(bundle), trusted);
    var mapped = named(MapFile.read(mapFile));
    var enforced =
        BaselineFiles.readAll(
            against == null ? List.of() : List.of(here.resolve(against)), trusted);
    return switch (Promotion.promote(signed.bundle(), mapped, mapped.to(), enforced)) {
      case Promotion.Arrival.Refused(var why) -> throw Failure.refused(bundle + ": " + why);
      case Promotion.Arrival.Arrived(var promotion) -> {
        if (key != null && written != null) {
          BundleFiles.write(
              here.resolve(written),
              promotion.environment(),
              BundleFiles.ttl(ttl),
              promotion.baselines(),
              KeyFiles.secret(here.resolve(key)));
        }
        yield response(signed.bundle(), signed.keyId(), promotion);
      }
    };
  }

  private static ImportResponse response(Bundle bundle, String keyId, Promotion promotion) {
    var response =
        ImportResponse.newBuilder()
            .setEnvironment(bundle.environment())
            .setSignedBy(keyId)
            .setVouchers(promotion.vouchers().size())
            .setText(promotion.text());
    promotion.baselines().forEach(baseline -> response.addRevisions(baseline.revision()));
    promotion
        .notMapped()
        .forEach(
            left ->
                response.addNotMapped(
                    left.owner() + ": " + left.edge().words() + ": " + left.why()));
    return response.build();
  }

  @Override
  ImportResponse ask(AdminServiceBlockingStub admin) throws Failure, IOException {
    var here = surroundings();
    return admin.import_(
        ImportRequest.newBuilder()
            .setBundle(ByteString.copyFromUtf8(TextFile.read(here.resolve(bundle))))
            .setMap(map == null ? "" : TextFile.read(here.resolve(map)))
            .setAs(policy ? ImportRequest.As.POLICY : ImportRequest.As.VOUCHER)
            .setNote(note)
            .setDryRun(dryRun)
            .build());
  }

  @Override
  void print(ImportResponse done, PrintWriter out) {
    out.println("Bundle of " + done.getEnvironment() + ", signed by " + done.getSignedBy());
    out.println();
    done.getText().lines().forEach(line -> out.println(Words.safe(line)));
    out.println();
    if (written != null) {
      out.println(
          "Written: " + written + " (" + Words.count(done.getRevisionsCount(), "baseline") + ")");
    } else if (dryRun || against != null) {
      out.println("Nothing was changed.");
    } else if (policy) {
      out.println("Proposed: " + String.join(", ", done.getRevisionsList()));
    } else {
      out.println(
          Words.count(done.getVouchers(), "voucher")
              + " for the learner. Nothing is allowed by it.");
    }
  }
}
