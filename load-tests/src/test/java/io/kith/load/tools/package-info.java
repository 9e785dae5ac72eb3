/** Tests of the tools that a run fetches. Start here: {@link io.kith.load.tools.ToolCacheTest}. */
@NullMarked
package io.kith.load.tools;

import org.jspecify.annotations.NullMarked;
