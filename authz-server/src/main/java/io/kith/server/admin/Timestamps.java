package io.kith.server.admin;

import com.google.protobuf.Timestamp;
import java.time.Instant;

/** Moments as messages. */
public final class Timestamps {
  private Timestamps() {}

  public static Timestamp timestamp(Instant time) {
    return Timestamp.newBuilder()
        .setSeconds(time.getEpochSecond())
        .setNanos(time.getNano())
        .build();
  }
}
