/**
 * The verbs of an operator: what a running server is asked or told, and the same on files where
 * that makes sense. One class for each.
 *
 * <p>Start here: {@link io.kith.server.operator.AdminVerb}.
 */
@NullMarked
package io.kith.server.operator;

import org.jspecify.annotations.NullMarked;
