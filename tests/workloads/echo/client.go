package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// probe exchanges messages with a server until it is done or ctx ends.
type probe func(ctx context.Context, record *recorder) error

var probes = map[string]func([]string) (probe, error){
	"http": httpProbe, "grpc": grpcProbe, "ws": wsProbe, "sse": sseProbe, "tcp": tcpProbe, "udp": udpProbe, "dns": dnsProbe,
}

// client runs one probe and prints its report.
func client(ctx context.Context, args []string, out io.Writer) error {
	run, err := parseProbe(args)
	if err != nil {
		return err
	}
	record := newRecorder()
	if err := run(ctx, record); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(record.report())
}

func parseProbe(args []string) (probe, error) {
	if len(args) == 0 || probes[args[0]] == nil {
		return nil, fmt.Errorf("which probe? http, grpc, ws, sse, tcp, udp or dns; got %q", args)
	}
	return probes[args[0]](args[1:])
}

// pairs is a repeatable flag of `name: value`.
type pairs [][2]string

func (p *pairs) String() string { return fmt.Sprint(*p) }

func (p *pairs) Set(text string) error {
	name, value, found := strings.Cut(text, ":")
	if !found {
		return fmt.Errorf("%q is not `name: value`", text)
	}
	*p = append(*p, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
	return nil
}

// pace is how often and how long; every probe has these flags.
type pace struct {
	rate     float64
	duration time.Duration
	count    int
	timeout  time.Duration
	// header goes with every request, alternate with every second one.
	header, alternate pairs
}

func (p *pace) flags(flags *flag.FlagSet) {
	flags.Float64Var(&p.rate, "rate", 0, "exchanges per second; 0: as fast as they are answered")
	flags.DurationVar(&p.duration, "duration", 0, "how long; 0: until --count")
	flags.IntVar(&p.count, "count", 0, "how many; 0: until --duration, or 1 without it")
	flags.DurationVar(&p.timeout, "timeout", 5*time.Second, "limit of one exchange")
	flags.Var(&p.header, "header", "`name: value` sent with every exchange; may be repeated")
	flags.Var(&p.alternate, "alternate", "`name: value` sent with every second exchange; may be repeated")
}

func (p *pace) finish() {
	if p.count == 0 && p.duration == 0 {
		p.count = 1
	}
}

// with is what exchange n carries, and the kind it is counted under.
func (p *pace) with(n int) (pairs, string) {
	if len(p.alternate) == 0 || n%2 == 0 {
		return p.header, "plain"
	}
	return append(append(pairs{}, p.header...), p.alternate...), "alternate"
}

// each calls do(n) for n = 0, 1, 2... one after the other, at the pace.
func (p *pace) each(ctx context.Context, do func(n int)) {
	p.schedule(ctx, do)
}

// eachAtOnce does the same without waiting for answers (open loop), if there is a rate.
func (p *pace) eachAtOnce(ctx context.Context, do func(n int)) {
	var open sync.WaitGroup
	p.schedule(ctx, func(n int) {
		if p.rate == 0 {
			do(n)
			return
		}
		open.Go(func() { do(n) })
	})
	open.Wait()
}

func (p *pace) schedule(ctx context.Context, do func(n int)) {
	started := time.Now()
	for n := 0; (p.count == 0 || n < p.count) && (p.duration == 0 || time.Since(started) < p.duration); n++ {
		if p.rate > 0 {
			due := started.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
			select {
			case <-time.After(time.Until(due)):
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return
		}
		do(n)
	}
}
