/** Tests of the demo as somebody runs it. Start here: {@link io.kith.load.demo.DemoTest}. */
@NullMarked
package io.kith.load.demo;

import org.jspecify.annotations.NullMarked;
