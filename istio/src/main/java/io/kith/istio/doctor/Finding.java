package io.kith.istio.doctor;

import static java.util.Objects.requireNonNull;

import java.util.List;

/**
 * Something that a rule found.
 *
 * @param subject what it is about: a workload as {@code shop/deployment/cart}, an object as {@code
 *     shop/sidecar/default}, a node, or a file of a dump
 * @param pods of the workload, sorted; empty when it is about none
 * @param seen what was seen there, with its values
 * @param change what to do: commands or YAML, a line each
 */
public record Finding(Rule rule, String subject, List<String> pods, String seen, String change) {
  public Finding {
    requireNonNull(rule, "rule");
    requireNonNull(subject, "subject");
    pods = List.copyOf(pods);
    requireNonNull(seen, "seen");
    requireNonNull(change, "change");
  }
}
