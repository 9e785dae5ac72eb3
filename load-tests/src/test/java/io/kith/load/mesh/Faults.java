package io.kith.load.mesh;

import static io.kith.baselines.decision.Mode.ENFORCE;
import static io.kith.baselines.decision.Mode.OBSERVE;
import static io.kith.baselines.decision.Mode.SHADOW;
import static io.kith.load.mesh.Fault.byTests;
import static io.kith.load.mesh.Fault.inEach;
import static io.kith.load.mesh.Fault.ofAPart;
import static io.kith.load.mesh.Fault.under;
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
        withEnvoy(
            "server killed, and the scope says `failure: open`",
            OPEN,
            OPEN_STILL,
            Cell.passes("the scope says so: `failure: open`"),
            mesh -> {
              mesh.openFilter();
              mesh.killServer();
            },
            mesh -> {
              mesh.startServer();
              mesh.rightFilter();
            }),
        byTests(
            "server killed, and the scope says `failure: floor`",
            Cell.approvedOrRefused("by Envoy itself"),
            Cell.approvedOrRefused("likewise"),
            Cell.approvedOrRefused("likewise"),
            under(
                "OverlaysInIstioTest#floor_whileKithIsAway_whatTheBaselineApprovesPasses_andNothingElse",
                ENFORCE)),
        withEnvoy(
            "server restarted, and no other one is there (SQLite)",
            Cell.asDecided(
                "all that was decided is in its log; until it is ready as *server killed*"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            Breakage::restartServer,
            _ -> {}),
        byTests(
            "server restarted, and its store is in memory",
            Cell.passes("learned anew"),
            Cell.passes("observed, since its baseline is forgotten"),
            Cell.notEntered(
                "observed, since its baseline is forgotten, with every mode that `kith mode` set;"
                    + " until it is ready as *server killed*"),
            inEach("ControlStateTest#restart_inMemory_forgetsBaselinesAndModes_andObserves")),
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
            inEach("FleetFailureTest#servers_rolled_noVerdictIsWrong"),
            under(
                "FleetFailureTest#server_ends_whileBothAreAsked_nothingIsRefusedForWantOfAnAnswer",
                OBSERVE),
            under(
                "FleetFailureTest#server_joins_andGetsItsShareWithinTwoAgesOfAConnection",
                OBSERVE,
                ENFORCE),
            under(
                "TwoReplicasTest#thirdServer_joinsWhileChangesAreMade_andNeverDecidesWrongly",
                ENFORCE)));
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
        withEnvoy(
            "bridge killed, and the scope says `failure: open`",
            unanswered,
            recorded,
            refused,
            mesh -> {
              mesh.openFilter();
              mesh.killBridge();
            },
            mesh -> {
              mesh.startBridge();
              mesh.rightFilter();
            }),
        byTests(
            "bridge rolled: another one stands by, and takes over when it ends",
            Cell.asDecided("Checks of that moment wait for it"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            ofAPart("StandByTest#bridge_besideAnother_standsBy_andTakesOverUnnoticed"),
            under(
                "NodePlacementTest#nodesPodIsRolled_whatIsAllowedDoesNotNotice_andNothingElseEverPasses",
                ENFORCE)),
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
            inEach("ExtAuthzServiceTest#late_answerOfTheBridge_isRecordedAndTheVerdictStays"),
            inEach("ExtAuthzServiceTest#late_answerAfterTheDeadline_isRecordedAndTheVerdictStays")),
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
            inEach("ExtAuthzServiceTest#check_processNotKnown_followsTheMode")));
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
            inEach("ExtAuthzServiceTest#check_reporterNotIdentified_isDeniedInEveryMode"),
            inEach("ExtAuthzServiceTest#check_reporterOutsideTheList_isDenied")),
        byTests(
            "fields missing or hostile, bytes that are no request",
            Cell.passes("counted").recordedAs("malformed"),
            Cell.passes("counted").recordedAs("malformed"),
            Cell.refused("").recordedAs("malformed"),
            inEach("ExtAuthzServiceTest#check_malformedOfAKnownReporter_followsTheMode"),
            inEach("ExtAuthzServiceTest#check_bytesThatAreNoCheckRequest_areAnsweredAllTheSame")),
        byTests(
            "a request that comes in with a bad proof of its process, or with none where its scope"
                + " has `inbound: require`",
            Cell.passes("counted").recordedAs("bad_provenance"),
            Cell.passes("counted").recordedAs("bad_provenance"),
            Cell.refused("").recordedAs("bad_provenance"),
            inEach("InboundChecksTest#check_badInEveryMode_isRefusedUnderEnforceOnlyAndTold"),
            under("ProvenanceTest#pastItsSidecar_withItsCertificate_isRefused", ENFORCE)),
        byTests(
            "answer not ready in time",
            Cell.passes(configured).recordedAs("deadline"),
            Cell.passes(configuredShadow).recordedAs("deadline"),
            Cell.refused("").recordedAs("deadline"),
            inEach("ExtAuthzServiceTest#check_slowBridge_isAnsweredByTheDeadline"),
            under("ExtAuthzServiceTest#check_callersDeadline_isAnsweredBeforeIt", ENFORCE),
            under("ExtAuthzServiceTest#check_onFailureDeny_deniesUnderObserve", OBSERVE)),
        byTests(
            "an error inside the server",
            Cell.passes(configured).recordedAs("internal"),
            Cell.passes(configuredShadow).recordedAs("internal"),
            Cell.refused("").recordedAs("internal"),
            inEach("ExtAuthzServiceTest#check_failureInside_followsTheMode"),
            under("ExtAuthzServiceTest#check_modeNotKnown_isDenied", ENFORCE),
            inEach("FailingCallsTest#anyCall_failing_isAnsweredOnceAndNeverAllowedUnderEnforce")),
        byTests(
            "more Checks wait than may",
            Cell.passes(configured).recordedAs("overloaded"),
            Cell.passes(configuredShadow).recordedAs("overloaded"),
            Cell.refused("").recordedAs("overloaded"),
            inEach("ExtAuthzServiceTest#check_moreThanMayWait_areOverloaded"),
            under(
                "ExtAuthzServiceTest#check_ofAReporterThatHasItsShareOfPlaces_isOverloadedAlone",
                ENFORCE)),
        byTests(
            "one caller sends Checks that do not end",
            Cell.passes(configured).recordedAs("overloaded"),
            Cell.passes(configuredShadow).recordedAs("overloaded"),
            Cell.refused("Checks of others are answered meanwhile").recordedAs("overloaded"),
            inEach("CheckListenerTest#checks_unfinished_areHeldUpToALimitWhileOthersAreAnswered")),
        byTests(
            "a Check of more than 4 MiB, or one that is not whole after 5 s",
            Cell.passes("counted").recordedAs("malformed"),
            Cell.passes("counted").recordedAs("malformed"),
            Cell.refused("").recordedAs("malformed"),
            inEach("CheckListenerTest#check_tooLong_isMalformedAndEndsAlone"),
            inEach("CheckListenerTest#check_notWholeInTime_isMalformedAndEnds")),
        byTests(
            "no baseline yet",
            Cell.passes("learned"),
            Cell.passes("as under observe"),
            Cell.notEntered("the workload stays observed, and says what it waits for"),
            under("ControlStateTest#finishTestRun_seesWhatWasAnsweredBefore", OBSERVE),
            under(
                "ControlStateTest#snapshot_configuredEnforceWithoutBaseline_staysInObserveAndSaysWhatItWaitsFor",
                ENFORCE),
            under(
                "ControlStateTest#setMode_enforceWithoutBaseline_isRefusedAndChangesNothing",
                SHADOW,
                ENFORCE)),
        byTests(
            "the caller hangs up before the answer",
            Cell.asDecided("and recorded; there is nobody to answer"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            inEach("ExtAuthzServiceTest#check_cancelled_isDecidedAndRecordedAllTheSame")));
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
            inEach("ExtAuthzServiceTest#check_reporterNotIdentified_isDeniedInEveryMode"),
            ofAPart("SpiffeTlsTest#peerOf_connectionOlderThanTheSvid_isRefusedPerCall")),
        byTests(
            "the server's own certificate ended, or its clock jumped past its end",
            Cell.passes(noHandshake),
            Cell.passes(noHandshake),
            Cell.refused(noHandshake),
            ofAPart("X509SourceContract#svid_pastItsEnd_isNotGivenOut"),
            ofAPart("SpiffeTlsTest#call_redactedServer_failsAndWorksAgainWithTheNextSvid"),
            ofAPart("SvidTrustTest#verify_clockPastTheEnd_isRefused")),
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
            ofAPart("SpiffeTlsTest#call_clientOfAnotherAuthority_isRefused"),
            ofAPart("SpiffeTlsTest#call_serverOfAnotherAuthority_isRefused"),
            ofAPart("SpiffeTlsTest#call_federatedPeer_passesOnlyWithItsBundleAndThePredicate")));
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
            inEach("FleetFailureTest#database_gone_noVerdictIsWrong_andChangesAreRefused"),
            inEach(
                "TwoReplicasTest#database_away_noVerdictIsWrong_changesAreRefused_andWorkAfterwards")),
        byTests(
            "database failed over to a standby that has all changes",
            Cell.asDecided("changes are refused until it is promoted"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            inEach(
                "FleetFailureTest#database_failedOver_noVerdictIsWrong_andChangesAreTakenAgain")),
        byTests(
            "database failed over to a standby that lags, or an older copy put back",
            Cell.asDecided(
                "by what servers know that run; changes are refused, and one that starts does not"
                    + " get ready: as *server killed*"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            inEach(
                "TwoReplicasTest#database_lacksTheLastChange_noVerdictIsWrong_changesAreRefused"),
            under(
                "JournalTest#follow_logCutOff_isNoticedByALiveServer_whichKeepsItsState", ENFORCE),
            ofAPart("JournalTest#restart_logCutOff_isRefusedByTheHighWaterMark")),
        byTests(
            "disk of the database full",
            Cell.asDecided("changes are refused"),
            Cell.asDecided("changes are refused"),
            Cell.asDecided("changes are refused"),
            inEach("FleetFailureTest#database_full_noVerdictIsWrong_andChangesAreRefused")),
        byTests(
            "clocks of servers and of the database hours apart",
            Cell.asDecided("what ends by itself ends by the clock of the server that is asked"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            under(
                "LifeTest#rulesForAWhile_changedWhileTheClockIsAhead_holdWhenItIsPutBack", ENFORCE),
            ofAPart("SharedSidecarsTest#open_winsOverAnOlderClosed_whereverItWasHeard"),
            ofAPart("LeadershipTest#holderWhoseClockIsBehind_keepsItWhileItRenews"),
            ofAPart("LeadershipTest#holderWhoseClockIsAhead_losesItAllTheSame")),
        byTests(
            "a request that comes in with a proof that ended, by the clock of the receiver's"
                + " server",
            Cell.passes("counted").recordedAs("bad_provenance"),
            Cell.passes("counted").recordedAs("bad_provenance"),
            Cell.refused("from 10 s on").recordedAs("bad_provenance"),
            inEach("InboundChecksTest#check_tokenThatEnded_isBadInEveryMode")),
        byTests(
            "database slow, or it answers nothing",
            Cell.asDecided("changes wait"),
            Cell.asDecided("changes wait"),
            Cell.asDecided("changes wait"),
            inEach("FleetFailureTest#database_slow_noVerdictIsWrong_andChangesWait"),
            inEach("FleetFailureTest#database_twoSecondsAway_noVerdictIsWrong_andChangesAreLate"),
            inEach("TwoReplicasTest#database_hangs_noVerdictIsWrong_andChangesWait")));
  }

  private static List<Fault> roles() {
    var waits = "not ready, no port open: as *server killed*";
    return List.of(
        byTests(
            "control server gone, also while the check server restarts",
            Cell.asDecided("learned parts wait"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            under(
                "ControlAndCheckTest#controlKilled_checksGoOn_alsoAfterARestart_andItCatchesUp",
                OBSERVE,
                ENFORCE),
            under(
                "FollowingTest#controlAway_restart_decidesByTheCopy_alsoAWorkloadThatComesThen",
                ENFORCE)),
        byTests(
            "control server gone, and no copy of the log at the check server's start",
            Cell.passes(waits),
            Cell.passes(waits),
            Cell.refused(waits),
            ofAPart("ControlAndCheckTest#serverThatIsNoCheckServer_isRefused_andServesNothing"),
            ofAPart("FollowingTest#controlAway_withoutACopy_doesNotOpen"),
            ofAPart("FollowingTest#controlAway_copyCutOff_doesNotOpen_andDoesWhenItIsBack")),
        byTests(
            "Kubernetes' API server gone",
            Cell.asDecided("who is who, objects and modes stay as they were"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            under(
                "KithInIstioTest#apiServerIsKilled_checksGoOn_andAServerThatStartsNowWaitsForIt",
                ENFORCE)),
        byTests(
            "Kubernetes' API server throttles (429)",
            Cell.asDecided("who is who, objects and modes stay as they were"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            under(
                "ApiServerFaultsTest#holderIsThrottled_enforcementGoesOn_andAnotherWrites_neverBoth",
                ENFORCE),
            under(
                "ApiServerFaultsTest#allAreThrottled_alsoWithoutWatches_theLastGoodStateStays_andAStartWaits",
                ENFORCE)),
        byTests(
            "the control server killed that writes what objects of a cluster say",
            Cell.asDecided(
                "another one writes within 25 s; Checks that it was asked as *server killed*"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            under("ApiServerFaultsTest#holderIsKilled_anotherWritesWithinTheLease", ENFORCE)),
        byTests(
            "that control server stopped for longer, or its machine suspended, and going on",
            Cell.asDecided("it writes nothing more beside the next; Checks as *server killed*"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            ofAPart(
                "ApiServerFaultsTest#holderIsStopped_andGoesOnWhenAnotherWrites_writesNothingMore"),
            ofAPart("LeadershipTest#machineThatWasSuspended_doesNotWriteUntilItHasRenewed")),
        byTests(
            "control server lies, or the check server's copy of the log was altered",
            Cell.asDecided("by the last good state"),
            Cell.asDecided("likewise"),
            Cell.asDecided("likewise"),
            under(
                "FollowingTest#controlLies_theLastGoodStateStays_andItGoesOnWhenTheLieEnds",
                ENFORCE),
            under("FollowingTest#copy_alteredByHand_isNotUsedFromThereOn", ENFORCE)),
        byTests(
            "the snapshot of a new pod's workload is not at the check server in time",
            Cell.passes("as `server.onFailure.observe` says (default: passes)")
                .recordedAs("deadline"),
            Cell.passes("as `server.onFailure.shadow` says (default: passes)")
                .recordedAs("deadline"),
            Cell.refused("").recordedAs("deadline"),
            inEach("ExtAuthzServiceTest#check_snapshotNotThereInTime_followsTheMode"),
            under("FollowingTest#snapshot_beforeItIsThere_allowsNothingUnderEnforce", ENFORCE)));
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
            ofAPart("CheckTelemetryTest#answered_exporterThatHangs_dropsAndCounts")),
        byTests(
            "half requests at the port of health and metrics, more of them than it has connections",
            AS_DECIDED,
            AS_DECIDED,
            AS_DECIDED,
            ofAPart("HealthServerTest#halfRequests_doNotStopHealth_andOfTooManyTheEldestGo"),
            ofAPart("HealthServerTest#halfRequest_isNotWaitedForLongerThanSeconds")));
  }
}
