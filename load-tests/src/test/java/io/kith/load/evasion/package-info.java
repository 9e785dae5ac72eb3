/**
 * Ways around Kith, each gone for real, with what becomes of it; docs/threat-model.md is made of
 * them. Start here: {@link io.kith.load.evasion.EvasionTest}.
 */
@NullMarked
package io.kith.load.evasion;

import org.jspecify.annotations.NullMarked;
