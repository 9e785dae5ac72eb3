/**
 * A small network on this machine: workloads with Envoy beside them, each in namespaces of its own,
 * and the hosts that they talk to.
 *
 * <p>Start here: {@link io.kith.load.lab.Lab}, {@link io.kith.load.lab.Pod}, {@link
 * io.kith.load.lab.Upstream}.
 */
@NullMarked
package io.kith.load.lab;

import org.jspecify.annotations.NullMarked;
