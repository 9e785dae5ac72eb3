/**
 * What the launcher of the tree does. Start here: {@link io.kith.load.launcher.SkippedTestsTest}.
 */
@NullMarked
package io.kith.load.launcher;

import org.jspecify.annotations.NullMarked;
