package main

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// config is read from the environment, so that the pod and the app container
// differ in one variable only. Ports that are unset or 0 are not opened.
type config struct {
	who         string // {peer} in it stands for the client's address, in answers to lines and datagrams
	bind        string // the one address to listen at; empty: all
	httpPorts   []int  // HTTP/1.1, h2c and gRPC on one port
	grpcPort    int    // gRPC alone, with the health service
	tlsPort     int    // HTTPS with a certificate made at start, or that of tlsCert and tlsKey
	tlsCert     string
	tlsKey      string
	proxied     bool          // a PROXY protocol header comes first on the http ports
	bannerPorts []int         // the server speaks first, as SMTP and MySQL do
	tcpPort     int           // the client speaks first; lines are echoed
	udpPort     int           // datagrams are echoed
	controlPort int           // runs probes on request (control.go)
	startDelay  time.Duration // before any port is opened
	crashAfter  time.Duration // then exit with code 3; 0: never
	tick        time.Duration // a line with a number so often, as who works by itself; 0: never
}

func configFromEnv() config {
	return config{
		who:         text("WHO", "original"),
		bind:        text("BIND", ""),
		httpPorts:   portList("HTTP_PORT", "8080"),
		grpcPort:    number("GRPC_PORT"),
		tlsPort:     number("TLS_PORT"),
		tlsCert:     text("TLS_CERT", ""),
		tlsKey:      text("TLS_KEY", ""),
		proxied:     number("PROXY_PROTOCOL") == 1,
		bannerPorts: portList("BANNER_PORT", ""),
		tcpPort:     number("TCP_PORT"),
		udpPort:     number("UDP_PORT"),
		controlPort: number("CONTROL_PORT"),
		startDelay:  time.Duration(number("START_DELAY_MS")) * time.Millisecond,
		crashAfter:  time.Duration(number("CRASH_AFTER_MS")) * time.Millisecond,
		tick:        time.Duration(number("TICK_MS")) * time.Millisecond,
	}
}

func text(name, otherwise string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return otherwise
}

func number(name string) int {
	value, _ := strconv.Atoi(os.Getenv(name))
	return value
}

func portList(name, otherwise string) []int {
	var ports []int
	for part := range strings.SplitSeq(text(name, otherwise), ",") {
		if port, err := strconv.Atoi(strings.TrimSpace(part)); err == nil && port > 0 {
			ports = append(ports, port)
		}
	}
	return ports
}
