package io.kith.istio.doctor;

import java.util.Locale;

/** Policies of Kith's chart, by which the API server refuses what would go round the check. */
enum AdmissionPolicy {
  KITH_PODS(AdmissionPolicy.PODS),
  KITH_PODS_RUNNING(AdmissionPolicy.PODS),
  KITH_EPHEMERAL_CONTAINERS(AdmissionPolicy.PODS),
  KITH_SESSIONS(AdmissionPolicy.PODS),
  KITH_POD_LABELS(""),
  KITH_MESH_RESOURCES(AdmissionPolicy.MESH),
  KITH_FAILURE_MODES(AdmissionPolicy.MESH);

  private static final String PODS = "admission.pods=all";
  private static final String MESH = "admission.meshResources=true";

  static final String KIND = "ValidatingAdmissionPolicy";
  static final String BINDING = "ValidatingAdmissionPolicyBinding";

  private final String value;

  /**
   * @param value of the chart that it needs beside {@code admission.enabled}, or empty
   */
  AdmissionPolicy(String value) {
    this.value = value;
  }

  /** As the API server has it, {@code kith-pods}. */
  String id() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** The chart's values with which it refuses everywhere. */
  String chartValues() {
    return value.isEmpty() ? "admission.enabled=true" : "admission.enabled=true," + value;
  }

  /** Whether it refuses in single namespaces as well, when all of one is to be enforced. */
  boolean isOfPods() {
    return value.equals(PODS);
  }
}
