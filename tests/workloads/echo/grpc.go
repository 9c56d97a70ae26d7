package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The service echo.Echo, described by hand: all messages are
// google.protobuf.StringValue, so no code generator is needed to build the tests.
const (
	unaryMethod  = "/echo.Echo/Unary"
	streamMethod = "/echo.Echo/Stream"
	bidiMethod   = "/echo.Echo/Bidi"
)

// message is the JSON inside every StringValue that the server sends.
type message struct {
	Who      string              `json:"who"`
	Text     string              `json:"text"`
	N        int                 `json:"n,omitempty"`
	Metadata map[string][]string `json:"metadata,omitempty"`
}

type echoService struct{ who string }

func (s *echoService) message(text string, n int) *wrapperspb.StringValue {
	encoded, _ := json.Marshal(message{Who: s.who, Text: text, N: n})
	return wrapperspb.String(string(encoded))
}

func newGrpcServer(who string) *grpc.Server {
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "echo.Echo",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Unary", Handler: unary}},
		Streams: []grpc.StreamDesc{
			{StreamName: "Stream", Handler: stream, ServerStreams: true},
			{StreamName: "Bidi", Handler: bidi, ServerStreams: true, ClientStreams: true},
		},
	}, &echoService{who})
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	return server
}

func unary(service any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
	request := new(wrapperspb.StringValue)
	if err := decode(request); err != nil {
		return nil, err
	}
	handle := func(ctx context.Context, request any) (any, error) {
		incoming, _ := metadata.FromIncomingContext(ctx)
		encoded, err := json.Marshal(message{Who: service.(*echoService).who, Text: request.(*wrapperspb.StringValue).Value, Metadata: incoming})
		return wrapperspb.String(string(encoded)), err
	}
	if intercept == nil {
		return handle(ctx, request)
	}
	return intercept(ctx, request, &grpc.UnaryServerInfo{Server: service, FullMethod: unaryMethod}, handle)
}

// stream sends as many messages as the request's text says, 20 ms apart.
func stream(service any, calls grpc.ServerStream) error {
	request := new(wrapperspb.StringValue)
	if err := calls.RecvMsg(request); err != nil {
		return err
	}
	count, _ := strconv.Atoi(request.Value)
	for n := 1; n <= count; n++ {
		if err := calls.SendMsg(service.(*echoService).message(request.Value, n)); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

func bidi(service any, calls grpc.ServerStream) error {
	for n := 1; ; n++ {
		request := new(wrapperspb.StringValue)
		if err := calls.RecvMsg(request); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := calls.SendMsg(service.(*echoService).message(request.Value, n)); err != nil {
			return err
		}
	}
}
