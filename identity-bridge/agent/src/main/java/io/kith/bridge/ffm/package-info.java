/**
 * The kernel's interfaces from Java: bpf(2), netlink, namespaces, BTF. The only package with {@code
 * java.lang.foreign}.
 *
 * <p>Start here: {@link io.kith.bridge.ffm.Assembler}, {@link io.kith.bridge.ffm.Bpf}, {@link
 * io.kith.bridge.ffm.Conntrack}.
 */
@NullMarked
package io.kith.bridge.ffm;

import org.jspecify.annotations.NullMarked;
