/**
 * The recipes for a mesh's sidecars, put into a configuration as istiod does, before a real Envoy.
 *
 * <p>Start here: {@link io.kith.load.recipes.MeshRecipeEnvoyTest}.
 */
@NullMarked
package io.kith.load.recipes;

import org.jspecify.annotations.NullMarked;
