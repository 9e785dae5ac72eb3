/**
 * Files of the command line: baselines, bundles, keys, allow-lists, and what they are exported to.
 *
 * <p>Start here: {@link io.kith.server.files.BaselineFiles}, {@link io.kith.server.files.KeyFiles}.
 */
@NullMarked
package io.kith.server.files;

import org.jspecify.annotations.NullMarked;
