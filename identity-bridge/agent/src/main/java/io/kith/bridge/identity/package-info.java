/**
 * Which SPIFFE IDs the processes of this node have, as somebody else attests them.
 *
 * <p>Start here: {@link io.kith.bridge.identity.ProcessIdentities}.
 */
@NullMarked
package io.kith.bridge.identity;

import org.jspecify.annotations.NullMarked;
