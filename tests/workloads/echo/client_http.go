package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

type httpOptions struct {
	pace
	url         string
	method      string
	host        string
	bodyBytes   int64
	connections int
	h2c         bool
}

// httpProbe sends requests over new connections, over kept ones
// (--connections), or as streams of one HTTP/2 connection (--h2c).
func httpProbe(args []string) (probe, error) {
	var o httpOptions
	flags := flag.NewFlagSet("http", flag.ContinueOnError)
	o.flags(flags)
	flags.StringVar(&o.url, "url", "", "what to ask")
	flags.StringVar(&o.method, "method", http.MethodGet, "")
	flags.StringVar(&o.host, "host", "", "host header, if not the URL's")
	flags.Int64Var(&o.bodyBytes, "body-bytes", 0, "size of the request's body")
	flags.IntVar(&o.connections, "connections", 0, "kept connections that share the rate; 0: a new one for each request")
	flags.BoolVar(&o.h2c, "h2c", false, "HTTP/2 without TLS")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	target, err := url.Parse(o.url)
	if err != nil || target.Host == "" {
		return nil, fmt.Errorf("--url %q is no URL", o.url)
	}
	o.finish()
	if o.h2c {
		return o.overOneHTTP2, nil
	}
	return func(ctx context.Context, record *recorder) error {
		if o.connections == 0 {
			o.eachAtOnce(ctx, func(n int) {
				c := connection{target: target, record: record}
				defer c.close()
				o.exchange(&c, n, true)
			})
			return nil
		}
		var open sync.WaitGroup
		share := o
		share.rate, share.count = o.rate/float64(o.connections), o.count/o.connections
		for range o.connections {
			open.Go(func() {
				c := connection{target: target, record: record}
				defer c.close()
				share.each(ctx, func(n int) { share.exchange(&c, n, false) })
			})
		}
		open.Wait()
		return nil
	}, nil
}

// connection is one kept HTTP/1.1 connection. It is written here because
// net/http silently repeats requests that fail on a kept connection, and what
// fails is just what these probes are to find.
type connection struct {
	target *url.URL
	record *recorder
	socket net.Conn
	reader *bufio.Reader
}

func (c *connection) close() {
	if c.socket != nil {
		_ = c.socket.Close()
		c.socket = nil
	}
}

// open dials, unless there is a connection that the server has not closed.
func (c *connection) open(limit time.Time) error {
	if c.socket != nil && !closedByPeer(c.socket) {
		return nil
	}
	c.close()
	address := c.target.Host
	if c.target.Port() == "" {
		address = net.JoinHostPort(c.target.Hostname(), map[string]string{"http": "80", "https": "443"}[c.target.Scheme])
	}
	socket, err := (&net.Dialer{Deadline: limit}).Dial("tcp", address)
	if err != nil {
		return err
	}
	c.record.connected()
	if c.target.Scheme == "https" {
		socket = tls.Client(socket, &tls.Config{InsecureSkipVerify: true})
	}
	c.socket, c.reader = socket, bufio.NewReader(socket)
	return nil
}

func (o *httpOptions) exchange(c *connection, n int, last bool) {
	headers, kind := o.with(n)
	started := time.Now()
	limit := started.Add(o.timeout)
	who, err := func() (string, error) {
		if err := c.open(limit); err != nil {
			return "", err
		}
		_ = c.socket.SetDeadline(limit)
		request, err := o.request(context.Background(), headers)
		if err != nil {
			return "", err
		}
		request.Close = last
		if err := request.Write(c.socket); err != nil {
			return "", err
		}
		response, err := http.ReadResponse(c.reader, request)
		if err != nil {
			return "", err
		}
		who, err := readWho(response)
		if response.Close {
			c.close()
		}
		return who, err
	}()
	if err != nil {
		c.close()
	}
	c.record.add(kind, who, time.Since(started), err)
}

func (o *httpOptions) request(ctx context.Context, headers pairs) (*http.Request, error) {
	var body io.Reader
	if o.bodyBytes > 0 {
		body = bytes.NewReader(make([]byte, o.bodyBytes))
	}
	request, err := http.NewRequestWithContext(ctx, o.method, o.url, body)
	if err != nil {
		return nil, err
	}
	if o.host != "" {
		request.Host = o.host
	}
	for _, header := range headers {
		request.Header.Add(header[0], header[1])
	}
	return request, nil
}

// readWho reads the whole response and says who made it: the JSON member
// `who`, else the header x-who, else "?".
func readWho(response *http.Response) (string, error) {
	defer response.Body.Close()
	named := response.Header.Get("x-who")
	if named != "" {
		_, err := io.Copy(io.Discard, response.Body)
		return named, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode >= 400 {
		return "", fmt.Errorf("status %d", response.StatusCode)
	}
	var reply struct{ Who string }
	if json.Unmarshal(body, &reply) != nil || reply.Who == "" {
		return "?", nil
	}
	return reply.Who, nil
}

// closedByPeer looks at the socket without taking anything from it.
func closedByPeer(socket net.Conn) bool {
	if secure, ok := socket.(*tls.Conn); ok {
		socket = secure.NetConn()
	}
	raw, err := socket.(syscall.Conn).SyscallConn()
	if err != nil {
		return true
	}
	closed := false
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		size, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		closed = (err == nil && size == 0) || (err != nil && err != syscall.EAGAIN)
		return true
	})
	return closed || err != nil
}

func (o *httpOptions) overOneHTTP2(ctx context.Context, record *recorder) error {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	traced := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{ConnectDone: func(_, _ string, err error) {
		if err == nil {
			record.connected()
		}
	}})
	exchange := func(n int) {
		headers, kind := o.with(n)
		started := time.Now()
		who, err := func() (string, error) {
			limited, cancel := context.WithTimeout(traced, o.timeout)
			defer cancel()
			request, err := o.request(limited, headers)
			if err != nil {
				return "", err
			}
			response, err := transport.RoundTrip(request)
			if err != nil {
				return "", err
			}
			who, err := readWho(response)
			if err == nil && !strings.HasPrefix(response.Proto, "HTTP/2") {
				err = fmt.Errorf("answered with %s", response.Proto)
			}
			return who, err
		}()
		record.add(kind, who, time.Since(started), err)
	}
	o.eachAtOnce(ctx, exchange)
	return nil
}
