package io.kith.server.http;

import com.google.api.AnnotationsProto;
import com.google.api.HttpRule;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.Message;
import io.grpc.ServerMethodDefinition;
import io.grpc.ServerServiceDefinition;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;

/** Which call an HTTP method and path mean. */
final class Routes {
  /**
   * A call.
   *
   * @param verb HTTP method
   * @param hasBody its fields are in the body, else in the query
   */
  record Route(
      String verb,
      PathTemplate path,
      boolean hasBody,
      ServerMethodDefinition<Message, Message> method) {
    /** What is sent, as a prototype. */
    Message request() {
      var marshaller = method.getMethodDescriptor().getRequestMarshaller();
      return (Message)
          Objects.requireNonNull(
              ((io.grpc.MethodDescriptor.PrototypeMarshaller<?>) marshaller).getMessagePrototype());
    }
  }

  /** What was found for a request. */
  sealed interface Found {
    /** A call, and the fields that the path has. */
    record Call(Route route, Map<String, String> values) implements Found {}

    /** The path is known, with other methods. */
    record OtherVerbs(List<String> verbs) implements Found {}

    /** There is no such path. */
    record Nothing() implements Found {}
  }

  private final List<Route> routes;

  private Routes(List<Route> routes) {
    this.routes = List.copyOf(routes);
  }

  /** Those of services; a method without a rule has none. */
  static Routes of(List<ServerServiceDefinition> services) {
    var routes = new ArrayList<Route>();
    for (var service : services) {
      for (var method : service.getMethods()) {
        if (method.getMethodDescriptor().getSchemaDescriptor()
            instanceof ProtoMethodDescriptorSupplier schema) {
          var descriptor = schema.getMethodDescriptor();
          if (descriptor.getOptions().hasExtension(AnnotationsProto.http)) {
            routes.add(route(descriptor, method));
          }
        }
      }
    }
    return new Routes(routes);
  }

  @SuppressWarnings("unchecked") // a method with a schema has messages
  private static Route route(MethodDescriptor descriptor, ServerMethodDefinition<?, ?> method) {
    var rule = descriptor.getOptions().getExtension(AnnotationsProto.http);
    var path = PathTemplate.parse(pathOf(rule));
    for (var variable : path.variables()) {
      if (descriptor.getInputType().findFieldByName(variable) == null) {
        throw new IllegalArgumentException(
            descriptor.getFullName() + ": its path has '" + variable + "', its request has not");
      }
    }
    if (!rule.getBody().isEmpty() && !rule.getBody().equals("*")) {
      throw new IllegalArgumentException(
          descriptor.getFullName() + ": body '" + rule.getBody() + "' (expected: * or none)");
    }
    return new Route(
        verbOf(rule),
        path,
        !rule.getBody().isEmpty(),
        (ServerMethodDefinition<Message, Message>) method);
  }

  /** The HTTP method of a rule. */
  static String verbOf(HttpRule rule) {
    return rule.getPatternCase().name();
  }

  /** The path template of a rule. */
  static String pathOf(HttpRule rule) {
    return switch (rule.getPatternCase()) {
      case GET -> rule.getGet();
      case PUT -> rule.getPut();
      case POST -> rule.getPost();
      case DELETE -> rule.getDelete();
      case PATCH -> rule.getPatch();
      case CUSTOM, PATTERN_NOT_SET ->
          throw new IllegalArgumentException("google.api.http without one of the usual methods");
    };
  }

  /**
   * Finds the call.
   *
   * @param path as it was sent
   */
  Found find(String verb, String path) {
    var others = new TreeSet<String>();
    for (var route : routes) {
      var values = route.path().match(path);
      if (values != null) {
        if (route.verb().equals(verb)) {
          return new Found.Call(route, values);
        }
        others.add(route.verb());
      }
    }
    return others.isEmpty() ? new Found.Nothing() : new Found.OtherVerbs(List.copyOf(others));
  }
}
