/**
 * Baselines in the words of other systems, each text saying in its header what was lost.
 *
 * <p>Start here: {@link io.kith.baselines.export.BaselineExporter}.
 */
@NullMarked
package io.kith.baselines.export;

import org.jspecify.annotations.NullMarked;
