package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type grpcOptions struct {
	pace
	address  string
	kind     string
	messages int
}

// grpcProbe makes calls over one connection. Every message of a stream must
// come from the same side, else the call counts as failed.
func grpcProbe(args []string) (probe, error) {
	var o grpcOptions
	flags := flag.NewFlagSet("grpc", flag.ContinueOnError)
	o.flags(flags)
	flags.StringVar(&o.address, "address", "", "host:port")
	flags.StringVar(&o.kind, "kind", "unary", "unary, stream or bidi")
	flags.IntVar(&o.messages, "messages", 5, "messages in a stream")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	calls := map[string]func(context.Context, *grpc.ClientConn) (string, error){"unary": o.unary, "stream": o.stream, "bidi": o.bidi}
	call := calls[o.kind]
	if call == nil {
		return nil, fmt.Errorf("--kind %q: unary, stream or bidi", o.kind)
	}
	o.finish()
	return func(ctx context.Context, record *recorder) error {
		connection, err := grpc.NewClient("passthrough:///"+o.address, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
				socket, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
				if err == nil {
					record.connected()
				}
				return socket, err
			}))
		if err != nil {
			return err
		}
		defer connection.Close()
		o.eachAtOnce(ctx, func(n int) {
			headers, kind := o.with(n)
			limited, cancel := context.WithTimeout(context.Background(), o.timeout)
			defer cancel()
			for _, header := range headers {
				limited = metadata.AppendToOutgoingContext(limited, header[0], header[1])
			}
			started := time.Now()
			who, err := call(limited, connection)
			record.add(kind, who, time.Since(started), err)
		})
		return nil
	}, nil
}

func whoIn(reply *wrapperspb.StringValue) (string, error) {
	var decoded message
	err := json.Unmarshal([]byte(reply.Value), &decoded)
	return decoded.Who, err
}

func (o *grpcOptions) unary(ctx context.Context, connection *grpc.ClientConn) (string, error) {
	reply := new(wrapperspb.StringValue)
	if err := connection.Invoke(ctx, unaryMethod, wrapperspb.String("hello"), reply); err != nil {
		return "", err
	}
	return whoIn(reply)
}

func (o *grpcOptions) stream(ctx context.Context, connection *grpc.ClientConn) (string, error) {
	calls, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, streamMethod)
	if err != nil {
		return "", err
	}
	if err := errors.Join(calls.SendMsg(wrapperspb.String(strconv.Itoa(o.messages))), calls.CloseSend()); err != nil {
		return "", err
	}
	return o.receive(calls, nil)
}

func (o *grpcOptions) bidi(ctx context.Context, connection *grpc.ClientConn) (string, error) {
	calls, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, bidiMethod)
	if err != nil {
		return "", err
	}
	return o.receive(calls, func(n int) error {
		if n == o.messages {
			return calls.CloseSend()
		}
		return calls.SendMsg(wrapperspb.String(strconv.Itoa(n)))
	})
}

func (o *grpcOptions) receive(calls grpc.ClientStream, before func(n int) error) (string, error) {
	whole := ""
	for n := 0; ; n++ {
		if before != nil {
			if err := before(n); err != nil {
				return "", err
			}
		}
		reply := new(wrapperspb.StringValue)
		if err := calls.RecvMsg(reply); errors.Is(err, io.EOF) {
			if n != o.messages {
				return "", fmt.Errorf("%d of %d messages", n, o.messages)
			}
			return whole, nil
		} else if err != nil {
			return "", err
		}
		who, err := whoIn(reply)
		if err != nil {
			return "", err
		}
		if whole != "" && who != whole {
			return "", fmt.Errorf("a stream of %s went on with %s", whole, who)
		}
		whole = who
	}
}
