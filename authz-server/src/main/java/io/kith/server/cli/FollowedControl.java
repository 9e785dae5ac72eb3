package io.kith.server.cli;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.store.StoreException;
import io.kith.server.check.Heard;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Sidecars;
import io.kith.server.control.AllowListFiles;
import io.kith.server.control.ControlSettings;
import io.kith.server.control.ControlState;
import io.kith.server.control.Elsewhere;
import io.kith.server.control.FleetDenial;
import io.kith.server.control.Following;
import io.kith.server.control.HighWaterMark;
import io.kith.server.control.Housekeeping;
import io.kith.server.control.KeyFiles;
import io.kith.server.control.ProvenanceSecrets;
import io.kith.server.fleet.ControlStore;
import io.kith.server.net.FolderPlace;
import io.kith.server.replay.ListedSuffixes;
import io.kith.server.store.LearnedFlusher;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Surroundings;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.X509Source;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The control side of a check server, which has it from control servers. */
final class FollowedControl {
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final Duration AGAIN = Duration.ofSeconds(1);

  private FollowedControl() {}

  /**
   * Opens it; waits for a control server where no copy of the log is enough to decide by.
   *
   * @param id of this server
   * @param place among the servers of its node, which have the same configuration; or null
   * @param waits gets words about what is waited for, before each attempt but the first
   * @throws IOException when the log cannot be trusted or a file cannot be used; for people
   */
  static Control open(
      KithConfig settings,
      StoreSettings.Control store,
      SpiffeId id,
      WorkloadDirectory directory,
      X509Source identity,
      @Nullable FolderPlace place,
      Surroundings here,
      Consumer<String> waits)
      throws Failure, IOException, InterruptedException {
    var folder = here.directory().resolve(store.directory());
    var control =
        ControlStore.open(
            new ControlStore.Settings(
                store.servers(),
                id,
                ReplicaName.of(store, folder) + (place == null ? "" : place.suffix()),
                Version.current(),
                ControlStore.Settings.LOOK),
            SpiffeTls.channelCredentials(identity, store.serverId()::equals),
            PATIENCE);
    try {
      return following(settings, store, directory, here, control, waits);
    } catch (Failure | IOException | InterruptedException | RuntimeException e) {
      control.close();
      throw e;
    }
  }

  /** What a check server tells its control server. */
  private record Reported(ControlState control, boolean holdsAll) implements ControlStore.Reporter {
    @Override
    public ControlStore.State state() {
      var held = control.held();
      var log = control.store();
      return new ControlStore.State(log.position(), held.pods(), held.workloads(), log.problem());
    }

    @Override
    public List<ControlStore.Held> held() {
      var pods = new TreeMap<Owner, Set<IpAddress>>(control.podsByOwner());
      var held = control.holds();
      if (held != null) {
        held.forEach(owner -> pods.putIfAbsent(owner, Set.of()));
      }
      return pods.entrySet().stream()
          .map(one -> new ControlStore.Held(one.getKey(), one.getValue()))
          .toList();
    }

    @Override
    public List<FleetDenial> takeDenials() {
      return control.takeDenials();
    }

    @Override
    public Heard<Sidecars.State> sidecars(long after, int most) {
      return control.sidecars().after(after, most);
    }

    @Override
    public void again(IpAddress pod) {
      control.sidecars().again(pod);
    }

    @Override
    public void outdate(IpAddress pod) {
      control.sidecars().outdate(pod);
    }

    @Override
    public Heard<NodeBridges.State> bridges(long after, int most) {
      return control.nodeBridges().after(after, most);
    }

    @Override
    public Elsewhere.Remembered decisions(Elsewhere.Question question) throws InterruptedException {
      return control.answer(question);
    }
  }

  private static Control following(
      KithConfig settings,
      StoreSettings.Control store,
      WorkloadDirectory directory,
      Surroundings here,
      ControlStore control,
      Consumer<String> waits)
      throws Failure, IOException, InterruptedException {
    var base = here.directory();
    var folder = base.resolve(store.directory());
    var suffixes = new ListedSuffixes();
    var of =
        new ControlSettings(
            directory,
            settings.scopes(),
            settings.learning(),
            suffixes,
            KeyFiles.publicOnly(settings.keys(), base),
            control,
            Control.kind(store),
            control.replica(),
            new HighWaterMark(folder.resolve("log.mark")),
            ControlSettings.QUEUE,
            new Following(folder.resolve("log.copy"), store.all()));
    @Nullable ControlState state = null;
    while (state == null) {
      var lists =
          AllowListFiles.read(settings.allowLists().stream().map(base::resolve).toList(), suffixes);
      try {
        state = ControlState.open(of, lists, InstantSource.system(), ControlState::toLog);
      } catch (StoreException e) {
        waits.accept(String.valueOf(e.getMessage()));
        Thread.sleep(AGAIN);
      }
    }
    var opened = state;
    control.reports(new Reported(opened, store.all()));
    return new Control(
        control,
        opened,
        ProvenanceSecrets.read(settings, folder, base),
        new LearnedFlusher(control, opened::changedParts, store.flushInterval()),
        new Housekeeping(opened, Housekeeping.INTERVAL),
        null); // the control server shares what it is told
  }
}
