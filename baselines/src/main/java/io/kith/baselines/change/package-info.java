/**
 * How a baseline changes: its life from draft to superseded, what differs between two of them, what
 * comes from another environment, and what is reopened when a change was a mistake.
 *
 * <p>Start here: {@link io.kith.baselines.change.Revisions}, {@link
 * io.kith.baselines.change.BaselineDiff}, {@link io.kith.baselines.change.BlastRadiusGuard}.
 */
@NullMarked
package io.kith.baselines.change;

import org.jspecify.annotations.NullMarked;
