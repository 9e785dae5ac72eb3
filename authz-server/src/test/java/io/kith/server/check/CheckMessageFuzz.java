package io.kith.server.check;

import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;

/** What the generated reader takes, the one by hand takes as well and reads the same. */
public final class CheckMessageFuzz {
  private CheckMessageFuzz() {}

  /** One input, as Jazzer calls it. */
  public static void fuzzerTestOneInput(byte[] data) {
    var read = CheckMessage.read(data);
    CheckRequest request;
    try {
      request = CheckRequest.parseFrom(data);
    } catch (InvalidProtocolBufferException _) {
      return; // what it passes over, the one by hand does not look into
    }
    if (read.isUnreadable()) {
      throw new AssertionError("unreadable: " + request);
    }
    var fields = ReadFields.byHand(read);
    var expected = ReadFields.generated(request);
    if (!fields.equals(expected) && !fields.equals(ReadFields.generated(asWritten(data)))) {
      throw new AssertionError(fields + " is not " + expected);
    }
  }

  /**
   * As the standard reads it: the generated reader lets come back what another member of its oneof
   * had replaced.
   */
  private static CheckRequest asWritten(byte[] data) {
    try {
      return CheckRequest.parseFrom(
          DynamicMessage.parseFrom(CheckRequest.getDescriptor(), data).toByteString());
    } catch (InvalidProtocolBufferException e) {
      throw new AssertionError("one generated reader takes it and the other does not", e);
    }
  }
}
