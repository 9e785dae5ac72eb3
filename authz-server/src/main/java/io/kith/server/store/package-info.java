/**
 * Stores of decisions and of what was learned: memory, a SQLite file, a PostgreSQL database.
 *
 * <p>Start here: {@link io.kith.server.store.Stores}, {@link io.kith.server.store.SqliteStore}.
 */
@NullMarked
package io.kith.server.store;

import org.jspecify.annotations.NullMarked;
