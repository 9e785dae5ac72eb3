// Allows every Check without a look at it: what gRPC for Go costs.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"

	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

var allowed = &auth.CheckResponse{
	Status:       &status.Status{},
	HttpResponse: &auth.CheckResponse_OkResponse{OkResponse: &auth.OkHttpResponse{}},
}

type server struct {
	auth.UnimplementedAuthorizationServer
}

func (server) Check(context.Context, *auth.CheckRequest) (*auth.CheckResponse, error) {
	return allowed, nil
}

func mutualTLS(folder string) (grpc.ServerOption, error) {
	own, err := tls.LoadX509KeyPair(filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem"))
	if err != nil {
		return nil, err
	}
	bundle, err := os.ReadFile(filepath.Join(folder, "bundle.pem"))
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(bundle) {
		return nil, fmt.Errorf("%s: no certificate in bundle.pem", folder)
	}
	return grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{own},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    trusted,
		MinVersion:   tls.VersionTLS13,
	})), nil
}

func main() {
	folder := flag.String("tls", "", "folder with cert.pem, key.pem and bundle.pem; none: no TLS")
	flag.Parse()
	var options []grpc.ServerOption
	if *folder != "" {
		option, err := mutualTLS(*folder)
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, option)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	serving := grpc.NewServer(options...)
	auth.RegisterAuthorizationServer(serving, server{})
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(serving.Serve(listener))
}
