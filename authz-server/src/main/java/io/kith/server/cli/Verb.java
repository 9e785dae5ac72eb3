package io.kith.server.cli;

import io.kith.server.doctor.DoctorCommand;
import io.kith.server.files.BundleCommand;
import io.kith.server.files.KeysCommand;
import io.kith.server.istio.IstioCommand;
import io.kith.server.operator.AckCommand;
import io.kith.server.operator.AllowCommand;
import io.kith.server.operator.ApproveCommand;
import io.kith.server.operator.AuditCommand;
import io.kith.server.operator.CoverageCommand;
import io.kith.server.operator.DecisionsCommand;
import io.kith.server.operator.DenyCommand;
import io.kith.server.operator.DiffCommand;
import io.kith.server.operator.ExplainCommand;
import io.kith.server.operator.ExportCommand;
import io.kith.server.operator.LearnCommand;
import io.kith.server.operator.LintCommand;
import io.kith.server.operator.ModeCommand;
import io.kith.server.operator.PromoteCommand;
import io.kith.server.operator.ProposeCommand;
import io.kith.server.operator.QuarantineCommand;
import io.kith.server.operator.RejectCommand;
import io.kith.server.operator.RelearnCommand;
import io.kith.server.operator.RemoveCommand;
import io.kith.server.operator.RevisionsCommand;
import io.kith.server.operator.RollbackCommand;
import io.kith.server.operator.RulesCommand;
import io.kith.server.operator.ShowCommand;
import io.kith.server.operator.SignCommand;
import io.kith.server.operator.StatusCommand;
import io.kith.server.operator.TailCommand;
import io.kith.server.replay.ReplayCommand;
import java.util.List;

/**
 * A verb of {@code kith}.
 *
 * @param name as in the annotation of its class, which takes longer to read
 * @param command a class of picocli's
 */
record Verb(String name, Class<?> command) {
  /** In the order of the help. */
  static final List<Verb> ALL =
      List.of(
          new Verb("status", StatusCommand.class),
          new Verb("coverage", CoverageCommand.class),
          new Verb("show", ShowCommand.class),
          new Verb("revisions", RevisionsCommand.class),
          new Verb("diff", DiffCommand.class),
          new Verb("decisions", DecisionsCommand.class),
          new Verb("tail", TailCommand.class),
          new Verb("explain", ExplainCommand.class),
          new Verb("learn", LearnCommand.class),
          new Verb("propose", ProposeCommand.class),
          new Verb("approve", ApproveCommand.class),
          new Verb("sign", SignCommand.class),
          new Verb("reject", RejectCommand.class),
          new Verb("ack", AckCommand.class),
          new Verb("mode", ModeCommand.class),
          new Verb("rollback", RollbackCommand.class),
          new Verb("allow", AllowCommand.class),
          new Verb("deny", DenyCommand.class),
          new Verb("quarantine", QuarantineCommand.class),
          new Verb("relearn", RelearnCommand.class),
          new Verb("rules", RulesCommand.class),
          new Verb("remove", RemoveCommand.class),
          new Verb("lint", LintCommand.class),
          new Verb("promote", PromoteCommand.class),
          new Verb("export", ExportCommand.class),
          new Verb("audit", AuditCommand.class),
          new Verb("bundle", BundleCommand.class),
          new Verb("keys", KeysCommand.class),
          new Verb("replay", ReplayCommand.class),
          new Verb("istio", IstioCommand.class),
          new Verb("doctor", DoctorCommand.class),
          new Verb("config", ConfigCommand.class),
          new Verb("server", ServerCommand.class),
          new Verb("dev-identity", DevIdentityCommand.class));

  /**
   * The verb of a command line, alone: to look into all of them by reflection takes longer than
   * most verbs do. All of them where it does not begin with one.
   */
  static List<Verb> calledBy(String... arguments) {
    return ALL.stream()
        .filter(verb -> arguments.length > 0 && verb.name.equals(arguments[0]))
        .findFirst()
        .map(List::of)
        .orElse(ALL);
  }
}
