/**
 * The SPIFFE client: where Kith's own identity comes from, and whom it believes.
 *
 * <p>Start here: {@link io.kith.spiffe.X509Source}, {@link io.kith.spiffe.SvidTrust}, {@link
 * io.kith.spiffe.SpiffeTls}.
 */
@NullMarked
package io.kith.spiffe;

import org.jspecify.annotations.NullMarked;
