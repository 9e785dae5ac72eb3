/**
 * What a server has to do with a Kubernetes API server.
 *
 * <p>Start here: {@link io.kith.server.kubernetes.ApiServer}.
 */
@NullMarked
package io.kith.server.kubernetes;

import org.jspecify.annotations.NullMarked;
