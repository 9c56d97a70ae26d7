package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
)

// serve opens every configured port and answers until ctx ends.
func serve(ctx context.Context, c config) error {
	if c.startDelay > 0 {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(c.startDelay):
		}
	}
	if c.crashAfter > 0 {
		time.AfterFunc(c.crashAfter, func() { os.Exit(3) })
	}
	if c.tick > 0 {
		go func() {
			for n := 1; ; n++ {
				fmt.Println("tick", n)
				time.Sleep(c.tick)
			}
		}()
	}
	failed := make(chan error, 1)
	run := func(name string, port int, serve func(net.Listener) error) error {
		listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", c.bind, port))
		if err != nil {
			return err
		}
		fmt.Printf("%s: %s on port %d\n", c.who, name, port)
		go func() { failed <- fmt.Errorf("%s on port %d: %w", name, port, serve(listener)) }()
		return nil
	}

	calls := newGrpcServer(c.who)
	web := newHTTPServer(withGrpc(calls, newMux(c.who)))
	var errs []error
	for _, port := range c.httpPorts {
		errs = append(errs, run("http", port, func(l net.Listener) error {
			if c.proxied {
				l = proxiedListener{l}
			}
			return web.Serve(l)
		}))
	}
	for _, port := range c.bannerPorts {
		errs = append(errs, run("banner", port, func(l net.Listener) error { return acceptAll(l, bannerSession(c.who)) }))
	}
	if c.grpcPort > 0 {
		errs = append(errs, run("grpc", c.grpcPort, newGrpcServer(c.who).Serve))
	}
	if c.tlsPort > 0 {
		certificate, err := selfSigned("echo")
		if c.tlsCert != "" {
			certificate, err = tls.LoadX509KeyPair(c.tlsCert, c.tlsKey)
		}
		secure := newHTTPServer(newMux(c.who))
		secure.Protocols.SetHTTP2(true)
		secure.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
		errs = append(errs, err, run("https", c.tlsPort, func(l net.Listener) error { return secure.ServeTLS(l, "", "") }))
	}
	if c.tcpPort > 0 {
		errs = append(errs, run("tcp", c.tcpPort, func(l net.Listener) error { return acceptAll(l, lineSession(c.who)) }))
	}
	if c.controlPort > 0 {
		errs = append(errs, run("control", c.controlPort, newHTTPServer(newControl(ctx)).Serve))
	}
	if c.udpPort > 0 {
		errs = append(errs, serveUDP(c.who, c.bind, c.udpPort))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		// As a well-behaved service: open requests are finished, then the end.
		limit, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = web.Shutdown(limit)
		return nil
	case err := <-failed:
		return err
	}
}

func newHTTPServer(handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{Handler: handler, Protocols: protocols}
}

// withGrpc lets gRPC and plain HTTP share a port, told apart by content type.
func withGrpc(calls *grpc.Server, other http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("content-type"), "application/grpc") {
			calls.ServeHTTP(w, r)
			return
		}
		other.ServeHTTP(w, r)
	})
}
