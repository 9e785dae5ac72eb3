package io.kith.load.mesh;

import static io.kith.load.mesh.Fault.byTests;
import static io.kith.load.mesh.Fault.withEnvoy;

import io.kith.load.mesh.Fault.Cell;
import io.kith.load.mesh.Fault.Trouble;
import java.util.List;
import java.util.stream.Stream;

/** All faults, in the order of docs/failure.md. */
final class Faults {
  private static final Cell OPEN = Cell.passes("the filter of an observed scope fails open");
  private static final Cell OPEN_STILL = Cell.passes("the filter is still open");
  private static final Cell CLOSED = Cell.refused("the filter is closed");
  private static final Cell ENDED =
      Cell.refused("`unknown_reporter`, since the sidecar's certificate does not count then");
  private static final Cell COUNTED = Cell.passes("counted");
  private static final Cell AS_DECIDED = Cell.asDecided("");

  static final Fault FLOOD =
      withEnvoy(
          "10,000 connections at once by a program that nobody knows",
          COUNTED.countedAs("kith_checks_total{verdict=\"allow\",reason=\"\",mode=\"observe\"}"),
          Cell.passes("counted, as what would be denied")
              .countedAs("kith_checks_shadow_denied_total{"),
          Cell.inTimeOrRefused("none of the flood passes"),
          Breakage::beginStorm,
          Breakage::endStorm);

  static final List<Fault> ALL =
      Stream.of(server(), bridge(), checks(), certificates(), store(), roles(), telemetry())
          .flatMap(List::stream)
          .toList();

  private Faults() {}

  private static Fault unreachable(String name, Trouble begin, Trouble end) {
    return withEnvoy(name, OPEN, OPEN_STILL, CLOSED, begin, end);
  }

  private static List<Fault> server() {
    return List.of(
        unreachable("server killed", Breakage::killServer, Breakage::startServer),
        unreachable("server stuck (SIGSTOP)", Breakage::freezeServer, Breakage::thawServer),
        withEnvoy(
            "server slow: longer than Envoy waits, again and again",
            OPEN,
            OPEN_STILL,
            Cell.inTimeOrRefused("the filter is closed"),
            Breakage::slowServer,
            Breakage::fastServer),
        unreachable(
            "network to the server silent: HTTP/2 connections half open",
            Breakage::silenceNetwork,
            Breakage::healNetwork),
        unreachable(
            "clock of the server a day ahead: every certificate has ended",
            Breakage::clockAhead,
            Breakage::clockRight),
        unreachable(
            "clock of the server a day back: no certificate is valid yet",
            Breakage::clockBack,
            Breakage::clockRight),
        withEnvoy(
            "clock of the server a day ahead, and Envoy's connections stay",
            ENDED,
            ENDED,
            ENDED,
            Breakage::clockAheadUnderway,
            Breakage::clockRightUnderway),
        withEnvoy(
            "clock of the server a day back, and Envoy's connections stay",
            ENDED,
            ENDED,
            ENDED,
            Breakage::clockBackUnderway,
            Breakage::clockRightUnderway),
        unreachable(
            "circuit breaker of Envoy filled",
            Breakage::fillCircuitBreaker,
            Breakage::emptyCircuitBreaker),
        FLOOD,
        byTests(
            "servers rolled: each of two ends and starts again, or another joins",
            AS_DECIDED,
            AS_DECIDED,
            AS_DECIDED,
            "FleetFailureTest#servers_rolled_noVerdictIsWrong",
            "FleetFailureTest#server_ends_whileBothAreAsked_nothingIsRefusedForWantOfAnAnswer",
            "FleetFailureTest#server_joins_andGetsItsShareWithinTwoAgesOfAConnection",
            "TwoReplicasTest#thirdServer_joinsWhileChangesAreMade_andNeverDecidesWrongly"));
  }

  private static List<Fault> bridge() {
    var unanswered = COUNTED.countedAs("kith_attributions_total{result=\"bridge_unavailable\"");
    var recorded = Cell.passes("").recordedAs("bridge_unavailable");
    var refused =
        Cell.refused("unless the scope says `unattributed: allow`")
            .recordedAs("bridge_unavailable");
    return List.of(
        withEnvoy(
            "bridge killed",
            unanswered,
            recorded,
            refused,
            Breakage::killBridge,
            Breakage::startBridge),
        byTests(
            "bridge rolled: another one stands by, and takes over when it ends",
            Cell.asDecided("Checks of that moment wait for it"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            "StandByTest#bridge_besideAnother_standsBy_andTakesOverUnnoticed",
            "NodePlacementTest#nodesPodIsRolled_whatIsAllowedDoesNotNotice_andNothingElseEverPasses"),
        withEnvoy(
            "bridge stuck (SIGSTOP)",
            unanswered,
            recorded,
            refused,
            Breakage::freezeBridge,
            Breakage::thawBridge),
        withEnvoy(
            "bridge slow: longer than the server waits for it, again and again",
            unanswered,
            recorded,
            Cell.inTimeOrRefused("unless the scope says `unattributed: allow`")
                .recordedAs("bridge_unavailable"),
            Breakage::slowBridge,
            Breakage::fastBridge),
        byTests(
            "bridge lags: it answers after the Check was answered",
            Cell.passes("learned from, shown with the decision"),
            Cell.passes("learned from, shown with the decision").recordedAs("bridge_unavailable"),
            Cell.refused("and stays so; learned from, shown with the decision")
                .recordedAs("bridge_unavailable"),
            "ExtAuthzServiceTest#late_answerOfTheBridge_isRecordedAndTheVerdictStays",
            "ExtAuthzServiceTest#late_answerAfterTheDeadline_isRecordedAndTheVerdictStays"),
        withEnvoy(
            "bridge lies about pods of another node",
            Cell.asDecided("the bridge that has the pod is asked; the claim is told"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            Breakage::lieAboutPod,
            Breakage::endLie),
        byTests(
            "process not known",
            COUNTED,
            Cell.passes("").recordedAs("unattributed"),
            Cell.refused("unless the scope says `unattributed: allow`").recordedAs("unattributed"),
            "ExtAuthzServiceTest#check_processNotKnown_followsTheMode"));
  }

  private static List<Fault> checks() {
    var configured = "as `server.onFailure.observe` says (default: passes)";
    var configuredShadow = "as `server.onFailure.shadow` says (default: passes)";
    return List.of(
        byTests(
            "reporter or workload not known (no certificate, two SPIFFE IDs, not listed, another"
                + " pod's address)",
            Cell.refused("`unknown_reporter` or `identity_mismatch`"),
            Cell.refused("likewise"),
            Cell.refused("likewise"),
            "ExtAuthzServiceTest#check_reporterNotIdentified_isDeniedInEveryMode",
            "ExtAuthzServiceTest#check_reporterOutsideTheList_isDenied"),
        byTests(
            "fields missing or hostile, bytes that are no request",
            Cell.passes("counted").recordedAs("malformed"),
            Cell.passes("counted").recordedAs("malformed"),
            Cell.refused("").recordedAs("malformed"),
            "ExtAuthzServiceTest#check_malformedOfAKnownReporter_followsTheMode",
            "ExtAuthzServiceTest#check_bytesThatAreNoCheckRequest_areAnsweredAllTheSame"),
        byTests(
            "a request that comes in with a bad proof of its process, or with none where its scope"
                + " has `inbound: require`",
            Cell.passes("counted").recordedAs("bad_provenance"),
            Cell.passes("counted").recordedAs("bad_provenance"),
            Cell.refused("").recordedAs("bad_provenance"),
            "InboundChecksTest#check_badInEveryMode_isRefusedUnderEnforceOnlyAndTold",
            "InboundChecksTest#check_noToken_isRefused",
            "ProvenanceTest#pastItsSidecar_withItsCertificate_isRefused"),
        byTests(
            "answer not ready in time",
            Cell.passes(configured).recordedAs("deadline"),
            Cell.passes(configuredShadow).recordedAs("deadline"),
            Cell.refused("").recordedAs("deadline"),
            "ExtAuthzServiceTest#check_slowBridge_isAnsweredByTheDeadline",
            "ExtAuthzServiceTest#check_callersDeadline_isAnsweredBeforeIt",
            "ExtAuthzServiceTest#check_onFailureDeny_deniesUnderObserve"),
        byTests(
            "an error inside the server",
            Cell.passes(configured).recordedAs("internal"),
            Cell.passes(configuredShadow).recordedAs("internal"),
            Cell.refused("").recordedAs("internal"),
            "ExtAuthzServiceTest#check_failureInside_followsTheMode",
            "ExtAuthzServiceTest#check_modeNotKnown_isDenied",
            "FailingCallsTest#anyCall_failing_isAnsweredOnceAndNeverAllowedUnderEnforce"),
        byTests(
            "more Checks wait than may",
            Cell.passes(configured).recordedAs("overloaded"),
            Cell.passes(configuredShadow).recordedAs("overloaded"),
            Cell.refused("").recordedAs("overloaded"),
            "ExtAuthzServiceTest#check_moreThanMayWait_areOverloaded",
            "ExtAuthzServiceTest#check_ofAReporterThatHasItsShareOfPlaces_isOverloadedAlone"),
        byTests(
            "one caller sends Checks that do not end",
            Cell.passes(configured).recordedAs("overloaded"),
            Cell.passes(configuredShadow).recordedAs("overloaded"),
            Cell.refused("Checks of others are answered meanwhile").recordedAs("overloaded"),
            "CheckListenerTest#checks_unfinished_areHeldUpToALimitWhileOthersAreAnswered"),
        byTests(
            "a Check of more than 4 MiB, or one that is not whole after 5 s",
            Cell.passes("counted").recordedAs("malformed"),
            Cell.passes("counted").recordedAs("malformed"),
            Cell.refused("").recordedAs("malformed"),
            "CheckListenerTest#check_tooLong_isMalformedAndEndsAlone",
            "CheckListenerTest#check_notWholeInTime_isMalformedAndEnds"),
        byTests(
            "no baseline yet",
            Cell.passes("learned"),
            Cell.passes("as under observe"),
            Cell.notEntered("the workload stays observed, and says what it waits for"),
            "ControlStateTest#snapshot_configuredEnforceWithoutBaseline_staysInObserveAndSaysWhatItWaitsFor",
            "ControlStateTest#setMode_enforceWithoutBaseline_isRefusedAndChangesNothing"),
        byTests(
            "the caller hangs up before the answer",
            Cell.asDecided("and recorded; there is nobody to answer"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            "ExtAuthzServiceTest#check_cancelled_isDecidedAndRecordedAllTheSame"));
  }

  private static List<Fault> certificates() {
    var noHandshake = "no handshake: as *server killed*";
    return List.of(
        withEnvoy(
            "identity provider killed",
            Cell.asDecided("certificates in hand go on until they end"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            Breakage::killIdentity,
            _ -> {}),
        withEnvoy(
            "certificates rotated, of another authority",
            AS_DECIDED,
            AS_DECIDED,
            AS_DECIDED,
            Breakage::startIdentity,
            _ -> {}),
        byTests(
            "the sidecar's certificate ended, or the server's clock jumped past its end",
            Cell.refused("").recordedAs("unknown_reporter"),
            Cell.refused("").recordedAs("unknown_reporter"),
            Cell.refused("").recordedAs("unknown_reporter"),
            "ExtAuthzServiceTest#check_reporterNotIdentified_isDeniedInEveryMode",
            "SpiffeTlsTest#peerOf_connectionOlderThanTheSvid_isRefusedPerCall"),
        byTests(
            "the server's own certificate ended, or its clock jumped past its end",
            Cell.passes(noHandshake),
            Cell.passes(noHandshake),
            Cell.refused(noHandshake),
            "X509SourceContract#svid_pastItsEnd_isNotGivenOut",
            "SpiffeTlsTest#call_redactedServer_failsAndWorksAgainWithTheNextSvid",
            "SvidTrustTest#verify_clockPastTheEnd_isRefused"),
        withEnvoy(
            "a certificate of another trust domain and authority",
            Cell.passes(noHandshake),
            Cell.passes(noHandshake),
            Cell.refused(noHandshake),
            Breakage::strangeSidecar,
            Breakage::knownSidecar),
        byTests(
            "a certificate of another authority, or of a trust domain that is not let in, on"
                + " either side",
            Cell.passes(noHandshake),
            Cell.passes(noHandshake),
            Cell.refused(noHandshake),
            "SpiffeTlsTest#call_clientOfAnotherAuthority_isRefused",
            "SpiffeTlsTest#call_serverOfAnotherAuthority_isRefused",
            "SpiffeTlsTest#call_federatedPeer_passesOnlyWithItsBundleAndThePredicate"));
  }

  private static List<Fault> store() {
    return List.of(
        withEnvoy(
            "disk of the store full",
            Cell.asDecided("changes are refused"),
            Cell.asDecided("changes are refused"),
            Cell.asDecided("changes are refused"),
            Breakage::fillDisk,
            Breakage::freeDisk),
        byTests(
            "database gone",
            Cell.asDecided("changes are refused"),
            Cell.asDecided("changes are refused"),
            Cell.asDecided("changes are refused"),
            "FleetFailureTest#database_gone_noVerdictIsWrong_andChangesAreRefused",
            "TwoReplicasTest#database_away_noVerdictIsWrong_changesAreRefused_andWorkAfterwards"),
        byTests(
            "database failed over to a standby that has all changes",
            Cell.asDecided("changes are refused until it is promoted"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            "FleetFailureTest#database_failedOver_noVerdictIsWrong_andChangesAreTakenAgain"),
        byTests(
            "disk of the database full",
            Cell.asDecided("changes are refused"),
            Cell.asDecided("changes are refused"),
            Cell.asDecided("changes are refused"),
            "FleetFailureTest#database_full_noVerdictIsWrong_andChangesAreRefused"),
        byTests(
            "database slow, or it answers nothing",
            Cell.asDecided("changes wait"),
            Cell.asDecided("changes wait"),
            Cell.asDecided("changes wait"),
            "FleetFailureTest#database_slow_noVerdictIsWrong_andChangesWait",
            "FleetFailureTest#database_twoSecondsAway_noVerdictIsWrong_andChangesAreLate",
            "TwoReplicasTest#database_hangs_noVerdictIsWrong_andChangesWait"));
  }

  private static List<Fault> roles() {
    var waits = "not ready, no port open: as *server killed*";
    return List.of(
        byTests(
            "control server gone, also while the check server restarts",
            Cell.asDecided("learned parts wait"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            "ControlAndCheckTest#controlKilled_checksGoOn_alsoAfterARestart_andItCatchesUp",
            "FollowingTest#controlAway_restart_decidesByTheCopy_alsoAWorkloadThatComesThen"),
        byTests(
            "control server gone, and no copy of the log at the check server's start",
            Cell.passes(waits),
            Cell.passes(waits),
            Cell.refused(waits),
            "ControlAndCheckTest#serverThatIsNoCheckServer_isRefused_andServesNothing",
            "FollowingTest#controlAway_withoutACopy_doesNotOpen",
            "FollowingTest#controlAway_copyCutOff_doesNotOpen_andDoesWhenItIsBack"),
        byTests(
            "Kubernetes' API server gone",
            Cell.asDecided("who is who, objects and modes stay as they were"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            "KithInIstioTest#apiServerIsKilled_checksGoOn_andAServerThatStartsNowWaitsForIt"),
        byTests(
            "Kubernetes' API server throttles (429)",
            Cell.asDecided("who is who, objects and modes stay as they were"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            "ApiServerFaultsTest#holderIsThrottled_enforcementGoesOn_andAnotherWrites_neverBoth",
            "ApiServerFaultsTest#allAreThrottled_alsoWithoutWatches_theLastGoodStateStays_andAStartWaits"),
        byTests(
            "the control server killed that writes what objects of a cluster say",
            Cell.asDecided(
                "another one writes within 25 s; Checks that it was asked as *server killed*"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            "ApiServerFaultsTest#holderIsKilled_anotherWritesWithinTheLease"),
        byTests(
            "that control server stopped for longer, or its machine suspended, and going on",
            Cell.asDecided("it writes nothing more beside the next; Checks as *server killed*"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            "ApiServerFaultsTest#holderIsStopped_andGoesOnWhenAnotherWrites_writesNothingMore",
            "LeadershipTest#machineThatWasSuspended_doesNotWriteUntilItHasRenewed"),
        byTests(
            "control server lies, or the check server's copy of the log was altered",
            Cell.asDecided("by the last good state"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            "FollowingTest#controlLies_theLastGoodStateStays_andItGoesOnWhenTheLieEnds",
            "FollowingTest#copy_alteredByHand_isNotUsedFromThereOn"),
        byTests(
            "the snapshot of a new pod's workload is not at the check server in time",
            Cell.passes("as `server.onFailure.observe` says (default: passes)")
                .recordedAs("deadline"),
            Cell.passes("as `server.onFailure.shadow` says (default: passes)")
                .recordedAs("deadline"),
            Cell.refused("").recordedAs("deadline"),
            "ExtAuthzServiceTest#check_snapshotNotThereInTime_followsTheMode",
            "FollowingTest#snapshot_beforeItIsThere_allowsNothingUnderEnforce"));
  }

  private static List<Fault> telemetry() {
    var dropped = Cell.asDecided("spans are dropped and counted");
    return List.of(
        withEnvoy(
            "OTLP endpoint gone",
            dropped,
            dropped,
            dropped,
            Breakage::noteFailedSpans,
            Breakage::awaitFailedSpans),
        byTests(
            "OTLP endpoint hangs",
            dropped,
            dropped,
            dropped,
            "CheckTelemetryTest#answered_exporterThatHangs_dropsAndCounts"),
        byTests(
            "half requests at the port of health and metrics, more of them than it has connections",
            AS_DECIDED,
            AS_DECIDED,
            AS_DECIDED,
            "HealthServerTest#halfRequests_doNotStopHealth_andOfTooManyTheEldestGo",
            "HealthServerTest#halfRequest_isNotWaitedForLongerThanSeconds"));
  }
}
