/**
 * What a process is: its executable and where that came from, the code that it was given, and who
 * started it.
 *
 * <p>Start here: {@link io.kith.bridge.process.FingerprintSource}, {@link
 * io.kith.bridge.process.Examiner}, {@link io.kith.bridge.process.EntryPoint}.
 */
@NullMarked
package io.kith.bridge.process;

import org.jspecify.annotations.NullMarked;
