/**
 * Which program runs inside a workload, how that is known, and the part of it that survives
 * versions.
 *
 * <p>Start here: {@link io.kith.baselines.process.ProcessFingerprint}, {@link
 * io.kith.baselines.process.ProcessClass}, {@link io.kith.baselines.process.Attribution}.
 */
@NullMarked
package io.kith.baselines.process;

import org.jspecify.annotations.NullMarked;
