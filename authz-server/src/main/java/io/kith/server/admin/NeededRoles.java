package io.kith.server.admin;

import io.grpc.MethodDescriptor;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.baselines.config.AdminRole;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The role that each call of the admin API needs, as {@code admin.proto} says. */
final class NeededRoles {
  private static final Map<String, AdminRole> BY_METHOD =
      Stream.of(
              of(
                  AdminRole.VIEWER,
                  AdminServiceGrpc.getGetStatusMethod(),
                  AdminServiceGrpc.getListEdgesMethod(),
                  AdminServiceGrpc.getListDecisionsMethod(),
                  AdminServiceGrpc.getTailDecisionsMethod(),
                  AdminServiceGrpc.getGetCoverageMethod(),
                  AdminServiceGrpc.getListRevisionsMethod(),
                  AdminServiceGrpc.getGetRevisionMethod(),
                  AdminServiceGrpc.getListRulesMethod(),
                  AdminServiceGrpc.getLintMethod(),
                  AdminServiceGrpc.getListAuditMethod()),
              of(
                  AdminRole.OPERATOR,
                  AdminServiceGrpc.getFinishTestRunMethod(),
                  AdminServiceGrpc.getSetModeMethod(),
                  AdminServiceGrpc.getAllowMethod(),
                  AdminServiceGrpc.getProposeMethod(),
                  AdminServiceGrpc.getApproveMethod(),
                  AdminServiceGrpc.getRejectMethod(),
                  AdminServiceGrpc.getAckMethod(),
                  AdminServiceGrpc.getRollbackMethod(),
                  AdminServiceGrpc.getQuarantineMethod(),
                  AdminServiceGrpc.getDenyMethod(),
                  AdminServiceGrpc.getRemoveRuleMethod()),
              of(
                  AdminRole.ADMIN,
                  AdminServiceGrpc.getRelearnMethod(),
                  AdminServiceGrpc.getImportMethod()))
          .flatMap(roles -> roles.entrySet().stream())
          .collect(Collectors.toUnmodifiableMap(Map.Entry::getKey, Map.Entry::getValue));

  private NeededRoles() {}

  private static Map<String, AdminRole> of(AdminRole role, MethodDescriptor<?, ?>... methods) {
    return List.of(methods).stream()
        .collect(Collectors.toMap(MethodDescriptor::getFullMethodName, _ -> role));
  }

  /** Whether somebody thought of the method. */
  static boolean knows(MethodDescriptor<?, ?> method) {
    return BY_METHOD.containsKey(method.getFullMethodName());
  }

  /** The role; the highest for a method that nobody thought of. */
  static AdminRole of(MethodDescriptor<?, ?> method) {
    return BY_METHOD.getOrDefault(method.getFullMethodName(), AdminRole.ADMIN);
  }
}
