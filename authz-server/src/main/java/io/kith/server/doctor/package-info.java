/**
 * {@code kith doctor}: reads a mesh, or a dump of one, and prints what the rules find.
 *
 * <p>Start here: {@link io.kith.server.doctor.DoctorCommand}.
 */
@NullMarked
package io.kith.server.doctor;

import org.jspecify.annotations.NullMarked;
