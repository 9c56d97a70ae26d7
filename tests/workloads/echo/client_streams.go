package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// wsProbe opens one WebSocket; each exchange is a message and its answer.
func wsProbe(args []string) (probe, error) {
	var o pace
	flags := flag.NewFlagSet("ws", flag.ContinueOnError)
	o.flags(flags)
	url := flags.String("url", "", "ws://host:port/path")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	o.finish()
	return func(ctx context.Context, record *recorder) error {
		header := http.Header{}
		for _, pair := range o.header {
			header.Add(pair[0], pair[1])
		}
		dialing, cancel := context.WithTimeout(ctx, o.timeout)
		defer cancel()
		socket, _, err := websocket.Dial(dialing, *url, &websocket.DialOptions{HTTPHeader: header})
		if err != nil {
			record.add("plain", "", 0, err)
			return nil
		}
		record.connected()
		defer func() { _ = socket.CloseNow() }()
		broken := false
		o.each(ctx, func(n int) {
			if broken {
				return
			}
			started := time.Now()
			limited, cancel := context.WithTimeout(context.Background(), o.timeout)
			defer cancel()
			var reply struct{ Who string }
			err := socket.Write(limited, websocket.MessageText, fmt.Appendf(nil, "message %d", n))
			if err == nil {
				var text []byte
				if _, text, err = socket.Read(limited); err == nil {
					err = json.Unmarshal(text, &reply)
				}
			}
			broken = err != nil
			record.add("plain", reply.Who, time.Since(started), err)
		})
		return nil
	}, nil
}

// sseProbe reads one stream of server-sent events; each event counts as one exchange.
func sseProbe(args []string) (probe, error) {
	var o pace
	flags := flag.NewFlagSet("sse", flag.ContinueOnError)
	o.flags(flags)
	url := flags.String("url", "", "where the stream is")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	return func(ctx context.Context, record *recorder) error {
		if o.duration > 0 {
			limited, cancel := context.WithTimeout(ctx, o.duration)
			defer cancel()
			ctx = limited
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, *url, nil)
		if err != nil {
			return err
		}
		for _, pair := range o.header {
			request.Header.Add(pair[0], pair[1])
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			record.add("plain", "", 0, err)
			return nil
		}
		record.connected()
		defer response.Body.Close()
		lines, last := bufio.NewScanner(response.Body), time.Now()
		for seen := 0; (o.count == 0 || seen < o.count) && lines.Scan(); {
			data, found := strings.CutPrefix(lines.Text(), "data: ")
			if !found {
				continue
			}
			var event struct{ Who string }
			err := json.Unmarshal([]byte(data), &event)
			record.add("plain", event.Who, time.Since(last), err)
			seen, last = seen+1, time.Now()
		}
		if err := lines.Err(); err != nil && ctx.Err() == nil {
			record.add("plain", "", 0, err)
		}
		return nil
	}, nil
}

// tcpProbe sends a line and reads its echo, over a new connection each time;
// with --banner it first waits for the server's greeting, having sent nothing.
func tcpProbe(args []string) (probe, error) {
	var o pace
	flags := flag.NewFlagSet("tcp", flag.ContinueOnError)
	o.flags(flags)
	address := flags.String("address", "", "host:port")
	banner := flags.Bool("banner", false, "the server speaks first")
	bytes := flags.Int("bytes", 32, "length of the line")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	o.finish()
	return func(ctx context.Context, record *recorder) error {
		o.eachAtOnce(ctx, func(n int) {
			started := time.Now()
			who, err := tcpExchange(*address, started.Add(o.timeout), *banner, fmt.Sprintf("%0*d", *bytes, n), record)
			record.add("plain", who, time.Since(started), err)
		})
		return nil
	}, nil
}

func tcpExchange(address string, limit time.Time, banner bool, line string, record *recorder) (string, error) {
	socket, err := (&net.Dialer{Deadline: limit}).Dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer socket.Close()
	record.connected()
	_ = socket.SetDeadline(limit)
	reader := bufio.NewReader(socket)
	greeter := ""
	if banner {
		greeting, err := reader.ReadString('\n')
		if err != nil {
			return "", err
		}
		record.line(strings.TrimSpace(greeting))
		if _, err := fmt.Sscanf(greeting, "220 %s ready", &greeter); err != nil {
			return "", fmt.Errorf("greeting %q: %w", greeting, err)
		}
	}
	if _, err := fmt.Fprintf(socket, "%s\r\n", line); err != nil {
		return "", err
	}
	reply, err := reader.ReadString('\n')
	if err != nil {
		return "", err
	}
	who, echoed, _ := strings.Cut(strings.TrimSpace(reply), " ")
	if echoed != line || (banner && who != greeter) {
		return "", fmt.Errorf("%q was answered by %q, greeted by %q", line, reply, greeter)
	}
	return who, nil
}

// udpProbe sends datagrams from one port, or from a new one each time (--new).
func udpProbe(args []string) (probe, error) {
	var o pace
	flags := flag.NewFlagSet("udp", flag.ContinueOnError)
	o.flags(flags)
	address := flags.String("address", "", "host:port")
	fresh := flags.Bool("new", false, "a new source port for each datagram")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	o.finish()
	return func(ctx context.Context, record *recorder) error {
		var socket net.Conn
		defer func() {
			if socket != nil {
				_ = socket.Close()
			}
		}()
		o.each(ctx, func(n int) {
			started := time.Now()
			who, err := func() (string, error) {
				if socket == nil || *fresh {
					if socket != nil {
						_ = socket.Close()
					}
					var err error
					if socket, err = net.Dial("udp", *address); err != nil {
						return "", err
					}
					record.connected()
				}
				_ = socket.SetDeadline(started.Add(o.timeout))
				if _, err := fmt.Fprintf(socket, "datagram %d", n); err != nil {
					return "", err
				}
				buffer := make([]byte, 65536)
				for {
					size, err := socket.Read(buffer)
					if err != nil {
						return "", err
					}
					who, echoed, _ := strings.Cut(string(buffer[:size]), " ")
					var number int
					if _, err := fmt.Sscanf(echoed, "datagram %d", &number); err != nil || number > n {
						return "", fmt.Errorf("datagram %d was answered by %q", n, buffer[:size])
					}
					// An answer that comes late, to one that was given up.
					if number == n {
						return who, nil
					}
				}
			}()
			record.add("plain", who, time.Since(started), err)
		})
		return nil
	}, nil
}

// dnsProbe resolves names with the system's configuration; the addresses are in `lines`.
func dnsProbe(args []string) (probe, error) {
	var o pace
	flags := flag.NewFlagSet("dns", flag.ContinueOnError)
	o.flags(flags)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	names := flags.Args()
	return func(ctx context.Context, record *recorder) error {
		for _, name := range names {
			started := time.Now()
			limited, cancel := context.WithTimeout(ctx, o.timeout)
			addresses, err := net.DefaultResolver.LookupHost(limited, name)
			cancel()
			record.add("plain", name, time.Since(started), err)
			record.line(fmt.Sprintf("%s %s", name, strings.Join(addresses, " ")))
		}
		return nil
	}, nil
}
