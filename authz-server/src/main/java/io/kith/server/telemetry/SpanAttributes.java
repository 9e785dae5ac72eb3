package io.kith.server.telemetry;

import static io.opentelemetry.api.common.AttributeKey.longKey;
import static io.opentelemetry.api.common.AttributeKey.stringKey;

import io.opentelemetry.api.common.AttributeKey;

/**
 * The names of all that a span of Kith says.
 *
 * <p>Without prefix {@code kith.}: as in OpenTelemetry's semantic conventions.
 */
public final class SpanAttributes {
  private SpanAttributes() {}

  /** Name of the span of a Check. */
  public static final String CHECK = "kith.check";

  /** Name of the span of what a guard refused past a sidecar. */
  public static final String GUARD = "kith.guard";

  /** How often since the guard's last report: connects of TCP, packets of everything else. */
  public static final AttributeKey<Long> REFUSED = longKey("kith.refused");

  /** Whose guard it was. */
  public static final AttributeKey<String> NODE = stringKey("kith.node");

  public static final AttributeKey<String> SOURCE_ADDRESS = stringKey("source.address");
  public static final AttributeKey<Long> SOURCE_PORT = longKey("source.port");
  public static final AttributeKey<String> DESTINATION_ADDRESS = stringKey("destination.address");
  public static final AttributeKey<Long> DESTINATION_PORT = longKey("destination.port");
  public static final AttributeKey<String> NETWORK_TRANSPORT = stringKey("network.transport");

  /** Host of the HTTP request, as the client named it. */
  public static final AttributeKey<String> SERVER_ADDRESS = stringKey("server.address");

  public static final AttributeKey<String> TLS_SERVER_NAME = stringKey("tls.client.server_name");
  public static final AttributeKey<String> EXECUTABLE_PATH = stringKey("process.executable.path");
  public static final AttributeKey<String> EXECUTABLE_NAME = stringKey("process.executable.name");
  public static final AttributeKey<String> CONTAINER_NAME = stringKey("container.name");

  /** The owner, as {@code namespace/kind/name}. */
  public static final AttributeKey<String> WORKLOAD = stringKey("kith.workload");

  public static final AttributeKey<String> SPIFFE_ID = stringKey("kith.spiffe_id");

  /** What the sending proxy of a request that comes in proved to be. */
  public static final AttributeKey<String> CALLER = stringKey("kith.caller");

  /** Executable and, for an interpreter, its script. */
  public static final AttributeKey<String> PROCESS = stringKey("kith.process");

  /** Name or address, with the port. */
  public static final AttributeKey<String> DESTINATION = stringKey("kith.destination");

  /**
   * Which of Envoy's filters asked: {@code l4}, {@code l7} or {@code gate}; {@code guard} when none
   * did.
   */
  public static final AttributeKey<String> LAYER = stringKey("kith.layer");

  public static final AttributeKey<String> VERDICT = stringKey("kith.verdict");
  public static final AttributeKey<String> REASON = stringKey("kith.reason");
  public static final AttributeKey<String> SHADOW_VERDICT = stringKey("kith.shadow_verdict");
  public static final AttributeKey<String> SHADOW_REASON = stringKey("kith.shadow_reason");
  public static final AttributeKey<String> MODE = stringKey("kith.mode");
  public static final AttributeKey<String> DECISION_ID = stringKey("kith.decision_id");
  public static final AttributeKey<String> REVISION = stringKey("kith.revision");
  public static final AttributeKey<String> FINGERPRINT = stringKey("kith.fingerprint");
  public static final AttributeKey<String> RUNG = stringKey("kith.rung");
  public static final AttributeKey<String> QUALITY = stringKey("kith.quality");

  /** The edge that allowed it. */
  public static final AttributeKey<String> EDGE = stringKey("kith.edge");

  /** The edge that came closest to allowing it, in words. */
  public static final AttributeKey<String> NEAREST = stringKey("kith.nearest");

  /** The denial in one sentence. */
  public static final AttributeKey<String> EXPLANATION = stringKey("kith.explanation");

  /** What is not perfect about the attribution, in words. */
  public static final AttributeKey<String> REMARKS = stringKey("kith.remarks");

  public static final AttributeKey<Long> BRIDGE_MICROS = longKey("kith.time.bridge_us");
  public static final AttributeKey<Long> TOTAL_MICROS = longKey("kith.time.total_us");
}
