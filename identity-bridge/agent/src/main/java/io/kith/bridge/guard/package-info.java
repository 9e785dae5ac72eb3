/**
 * What keeps a pod's traffic on the way through its sidecar: programs at the pod's cgroup that see
 * what goes past it, count it, and under enforce refuse it.
 *
 * <p>Start here: {@link io.kith.bridge.guard.GuardPolicy}, {@link
 * io.kith.bridge.guard.GuardReason}, {@link io.kith.bridge.guard.GuardPrograms}.
 */
@NullMarked
package io.kith.bridge.guard;

import org.jspecify.annotations.NullMarked;
