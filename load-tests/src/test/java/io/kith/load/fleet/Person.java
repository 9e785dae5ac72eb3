package io.kith.load.fleet;

import io.kith.admin.v1.DenyRequest;
import io.kith.admin.v1.ListEdgesRequest;
import io.kith.admin.v1.RemoveRuleRequest;
import io.kith.admin.v1.SetModeRequest;

/** A person at a server who steps in on one workload. */
record Person(ServerProcess at, Member member) {
  /**
   * Denies what was learned.
   *
   * @return id of the rule
   */
  String deny(String program, Destination to) {
    return at.admin()
        .deny(
            DenyRequest.newBuilder()
                .setOwner(member.owner())
                .setEdgeId(edge(program, to))
                .setNote("an incident")
                .build())
        .getRule()
        .getId();
  }

  private String edge(String program, Destination to) {
    return at
        .admin()
        .listEdges(ListEdgesRequest.newBuilder().setOwner(member.owner()).build())
        .getEdgesList()
        .stream()
        .filter(edge -> edge.getProcess().equals(program))
        .filter(edge -> edge.getDestination().contains(to.words()))
        .findFirst()
        .orElseThrow()
        .getId();
  }

  /** Whether a program is among those that were seen. */
  boolean sees(String program) {
    return at
        .admin()
        .listEdges(ListEdgesRequest.newBuilder().setOwner(member.owner()).build())
        .getEdgesList()
        .stream()
        .anyMatch(edge -> edge.getProcess().equals(program));
  }

  void remove(String rule) {
    at.admin()
        .removeRule(
            RemoveRuleRequest.newBuilder()
                .setOwner(member.owner())
                .setId(rule)
                .setNote("it is over")
                .build());
  }

  void mode(String mode) {
    at.admin()
        .setMode(
            SetModeRequest.newBuilder()
                .setScope(member.owner())
                .setMode(mode)
                .setNote("look first")
                .build());
  }
}
