/**
 * YAML and JSON at the edge of the domain: texts read with the place of every mistake, and written
 * in one way only.
 *
 * <p>Start here: {@link io.kith.baselines.yaml.YamlDocument}, {@link io.kith.baselines.yaml.Json}.
 */
@NullMarked
package io.kith.baselines.yaml;

import org.jspecify.annotations.NullMarked;
