/**
 * The text of {@code kith.yaml}, read into settings with all its problems at once.
 *
 * <p>Start here: {@link io.kith.baselines.config.KithConfig}.
 */
@NullMarked
package io.kith.baselines.config;

import org.jspecify.annotations.NullMarked;
