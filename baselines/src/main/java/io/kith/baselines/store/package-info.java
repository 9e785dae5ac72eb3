/**
 * What has to outlive a server, as a port: the log of changes, and what was learned.
 *
 * <p>Start here: {@link io.kith.baselines.store.BaselineStore}, {@link
 * io.kith.baselines.store.Change}.
 */
@NullMarked
package io.kith.baselines.store;

import org.jspecify.annotations.NullMarked;
