package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"
)

func acceptAll(listener net.Listener, session func(net.Conn)) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			session(connection)
		}()
	}
}

// bannerSession greets before the client has said anything, then echoes lines.
func bannerSession(who string) func(net.Conn) {
	return func(connection net.Conn) {
		fmt.Fprintf(connection, "220 %s ready\r\n", who)
		lineSession(who)(connection)
	}
}

// lineSession answers each line with who got it and the line.
func lineSession(who string) func(net.Conn) {
	return func(connection net.Conn) {
		lines := bufio.NewScanner(connection)
		for lines.Scan() {
			if _, err := fmt.Fprintf(connection, "%s %s\r\n", who, lines.Text()); err != nil {
				return
			}
		}
	}
}

func serveUDP(who string, port int) error {
	socket, err := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
	if err != nil {
		return err
	}
	go func() {
		buffer := make([]byte, 65536)
		for {
			size, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = socket.WriteTo(append([]byte(who+" "), buffer[:size]...), from)
		}
	}()
	return nil
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "echo"}, DNSNames: []string{"echo"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
