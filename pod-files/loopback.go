package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// How soon the end of the container whose network this is, is seen.
	networkLook = 200 * time.Millisecond
	// Of one connection to the pod.
	loopbackDialTimeout = 10 * time.Second
)

// loopback listens on 127.0.0.1 in the network of an app container, and leads what comes to the pod's own loopback:
// args are the address that stands for that, and ports. It ends when the container does, whose network then has no interface left.
func loopback(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: pod-files loopback ADDRESS PORT...")
	}
	open := 0
	for _, port := range args[1:] {
		listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			// The app has the port itself.
			say("not-listening", map[string]any{"port": port, "why": err.Error()})
			continue
		}
		open++
		go acceptLocal(listener, net.JoinHostPort(args[0], port))
	}
	if open == 0 {
		return nil
	}
	for hasNetwork() {
		time.Sleep(networkLook)
	}
	return nil
}

func hasNetwork() bool {
	interfaces, err := net.Interfaces()
	if err != nil {
		return true
	}
	for _, one := range interfaces {
		if one.Flags&net.FlagLoopback == 0 && one.Flags&net.FlagUp != 0 {
			return true
		}
	}
	return false
}

func acceptLocal(listener net.Listener, address string) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go join(connection.(*net.TCPConn), address)
	}
}

// join ends each direction by itself, as TCP does; a pod that refuses is a reset here.
func join(near *net.TCPConn, address string) {
	defer near.Close()
	dialed, err := net.DialTimeout("tcp4", address, loopbackDialTimeout)
	if err != nil {
		_ = near.SetLinger(0)
		return
	}
	far := dialed.(*net.TCPConn)
	defer far.Close()
	var both sync.WaitGroup
	for _, way := range [][2]*net.TCPConn{{near, far}, {far, near}} {
		both.Go(func() {
			from, to := way[0], way[1]
			if _, err := io.Copy(to, from); err != nil {
				_ = from.SetLinger(0)
				_ = to.SetLinger(0)
				from.Close()
				to.Close()
				return
			}
			_ = to.CloseWrite()
		})
	}
	both.Wait()
}
