/** Parts of pages under docs that tests make. Start here: {@link io.kith.load.docs.MadePart}. */
@NullMarked
package io.kith.load.docs;

import org.jspecify.annotations.NullMarked;
