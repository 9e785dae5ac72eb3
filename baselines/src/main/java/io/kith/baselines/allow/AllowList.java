package io.kith.baselines.allow;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.config.ScopeName;
import java.util.List;

/**
 * One document: rules for the workloads of a scope.
 *
 * @param name its name, once among all lists
 * @param where file, line and column where it begins
 */
public record AllowList(String name, String where, ScopeName workload, List<AllowRule> rules) {
  public AllowList {
    requireNonNull(name, "name");
    requireNonNull(where, "where");
    requireNonNull(workload, "workload");
    rules = List.copyOf(rules);
  }
}
