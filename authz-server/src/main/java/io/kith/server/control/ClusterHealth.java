package io.kith.server.control;

import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How objects of a cluster are followed. Thread-safe. */
public interface ClusterHealth {
  /** Nobody follows any. */
  ClusterHealth NONE =
      new ClusterHealth() {
        @Override
        public boolean isFollowed() {
          return false;
        }

        @Override
        public @Nullable String problem() {
          return null;
        }

        @Override
        public List<String> problems() {
          return List.of();
        }

        @Override
        public boolean writes() {
          return false;
        }

        @Override
        public String writer() {
          return "";
        }
      };

  /** Whether they are, by configuration. */
  boolean isFollowed();

  /** What stands against following them now, in words; null when nothing does. */
  @Nullable String problem();

  /** What is wrong with objects, each with its name, field and what to do. */
  List<String> problems();

  /** Whether this server, of several, writes what they say into the log, and their status. */
  boolean writes();

  /**
   * What a mode that a scope just got does to open connections of sidecars, in words; empty where
   * it does nothing.
   */
  default String drains(ScopeName scope, Mode mode) {
    return "";
  }

  /** Which of several servers does, by its name; empty where one is alone or nobody is known to. */
  String writer();
}
