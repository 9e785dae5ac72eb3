/**
 * What people allow and deny, as YAML of kind {@code EgressAllowList}.
 *
 * <p>Start here: {@link io.kith.baselines.allow.AllowRule}, {@link
 * io.kith.baselines.allow.AllowLists}.
 */
@NullMarked
package io.kith.baselines.allow;

import org.jspecify.annotations.NullMarked;
