/**
 * The few ASN.1 structures that the JDK can read but not write.
 *
 * <p>Start here: {@link io.kith.spiffe.der.Der}.
 */
@NullMarked
package io.kith.spiffe.der;

import org.jspecify.annotations.NullMarked;
