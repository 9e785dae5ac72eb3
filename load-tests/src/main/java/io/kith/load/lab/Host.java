package io.kith.load.lab;

import io.kith.load.ffm.NetworkNamespace;
import io.kith.load.tools.RunningProcess;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

/** A host outside the mesh that pods talk to, in a network namespace of its own. */
public final class Host implements AutoCloseable {
  /** Connections that may wait to be accepted: the most that Linux lets by default. */
  private static final int BACKLOG = 4_096;

  private final String name;
  private final InetAddress v4;
  private final InetAddress v6;
  private final NetworkNamespace namespace;
  private final List<Upstream> upstreams = new CopyOnWriteArrayList<>();
  private final List<DatagramSink> sinks = new CopyOnWriteArrayList<>();

  Host(String name, InetAddress v4, InetAddress v6, NetworkNamespace namespace) {
    this.name = name;
    this.v4 = v4;
    this.v6 = v6;
    this.namespace = namespace;
  }

  public String name() {
    return name;
  }

  public InetAddress v4() {
    return v4;
  }

  public InetAddress v6() {
    return v6;
  }

  /** The host's network namespace, in which nothing is redirected. */
  public NetworkNamespace namespace() {
    return namespace;
  }

  /**
   * Starts a program of this machine in the host's network.
   *
   * @param what messages call it
   */
  public RunningProcess start(
      String what, Path log, Map<String, String> environment, List<String> argv) {
    var all = new ArrayList<>(List.of("nsenter", "--net=" + namespace.handle()));
    all.addAll(argv);
    return RunningProcess.start(what, log, environment, all);
  }

  /**
   * A database whose server speaks first: {@code KITHDB 1}, then {@code TOKEN ...} for each line it
   * gets.
   */
  public Upstream database(int port) throws IOException, InterruptedException {
    return serve(port, new DatabaseProtocol());
  }

  /** An HTTP service that answers every request with its token. */
  public Upstream http(int port) throws IOException, InterruptedException {
    return serve(port, new HttpProtocol());
  }

  /** The same over TLS, with a certificate of its own for this host's name. */
  public Upstream tls(int port) throws IOException, InterruptedException {
    return serve(port, TlsProtocol.forName(name));
  }

  /** A service that takes datagrams of UDP and answers none. */
  public DatagramSink datagrams(int port) throws IOException, InterruptedException {
    var socket = namespace.call(() -> new DatagramSocket(new InetSocketAddress(v4, port)));
    var sink = new DatagramSink(this, socket);
    sinks.add(sink);
    return sink;
  }

  private Upstream serve(int port, Upstream.Protocol protocol)
      throws IOException, InterruptedException {
    var socket =
        namespace.call(
            () -> {
              var server = new ServerSocket();
              server.setReuseAddress(true);
              server.bind(
                  namespace.equals(NetworkNamespace.OWN)
                      ? new InetSocketAddress(v4, port)
                      : new InetSocketAddress(port),
                  BACKLOG);
              return server;
            });
    var upstream = new Upstream(this, port, socket, protocol);
    upstreams.add(upstream);
    return upstream;
  }

  /** Stops its services. */
  @Override
  public void close() {
    upstreams.forEach(Upstream::close);
    sinks.forEach(DatagramSink::close);
  }
}
