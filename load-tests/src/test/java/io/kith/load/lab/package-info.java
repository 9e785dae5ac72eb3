/** Tests of the lab with the real Envoy. Start here: {@link io.kith.load.lab.LabTest}. */
@NullMarked
package io.kith.load.lab;

import org.jspecify.annotations.NullMarked;
