package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
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
			if _, err := fmt.Fprintf(connection, "%s %s\r\n", toPeer(who, connection.RemoteAddr()), lines.Text()); err != nil {
				return
			}
		}
	}
}

// toPeer puts the client's address into who, so that a client can learn how others see it.
func toPeer(who string, peer net.Addr) string {
	address, _, _ := net.SplitHostPort(peer.String())
	return strings.ReplaceAll(who, "{peer}", strings.TrimPrefix(address, "::ffff:"))
}

func serveUDP(who, bind string, port int) error {
	socket, err := net.ListenPacket("udp", fmt.Sprintf("%s:%d", bind, port))
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
			_, _ = socket.WriteTo(append([]byte(toPeer(who, from)+" "), buffer[:size]...), from)
		}
	}()
	return nil
}

func selfSigned(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// printCertificate writes certificate and key as PEM: for Secrets of the tests.
func printCertificate(name string, out io.Writer) error {
	certificate, err := selfSigned(name)
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		return err
	}
	_ = pem.Encode(out, &pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	return pem.Encode(out, &pem.Block{Type: "PRIVATE KEY", Bytes: key})
}

// proxiedListener takes the client's address from the PROXY protocol header,
// version 2, that comes first (HAProxy, doc/proxy-protocol.txt, 2.2).
type proxiedListener struct{ net.Listener }

func (l proxiedListener) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &proxiedConn{Conn: connection}, nil
}

type proxiedConn struct {
	net.Conn
	once   sync.Once
	remote net.Addr
	err    error
}

func (c *proxiedConn) header() {
	c.once.Do(func() {
		head := make([]byte, 16)
		if _, c.err = io.ReadFull(c.Conn, head); c.err != nil {
			return
		}
		if string(head[:12]) != "\r\n\r\n\x00\r\nQUIT\n" {
			c.err = errors.New("no PROXY protocol header")
			return
		}
		rest := make([]byte, binary.BigEndian.Uint16(head[14:]))
		if _, c.err = io.ReadFull(c.Conn, rest); c.err == nil && head[12] == 0x21 && head[13] == 0x11 {
			c.remote = &net.TCPAddr{IP: net.IP(rest[:4]), Port: int(binary.BigEndian.Uint16(rest[8:]))}
		}
	})
}

func (c *proxiedConn) Read(buffer []byte) (int, error) {
	if c.header(); c.err != nil {
		return 0, c.err
	}
	return c.Conn.Read(buffer)
}

// RemoteAddr is asked before anything is read, so it waits for the header.
func (c *proxiedConn) RemoteAddr() net.Addr {
	if c.header(); c.remote != nil {
		return c.remote
	}
	return c.Conn.RemoteAddr()
}
