/**
 * One stream of messages on a connection of its own, with mutual TLS and without HTTP/2: what two
 * programs of one node say to each other for every new connection of the mesh.
 *
 * <p>Start here: {@link io.kith.spiffe.frames.FrameStream}.
 */
@NullMarked
package io.kith.spiffe.frames;

import org.jspecify.annotations.NullMarked;
