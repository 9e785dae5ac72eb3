/** What operators watch, asked of a real Prometheus. */
@NullMarked
package io.kith.load.dashboard;

import org.jspecify.annotations.NullMarked;
