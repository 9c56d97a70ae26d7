package main

import (
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// report is what a probe found out; it is printed as one JSON object.
type report struct {
	Total  int            `json:"total"`
	Failed int            `json:"failed"`
	ByWho  map[string]int `json:"byWho"`
	// ByKind splits ByWho by what was sent: "plain", or "alternate" for every second request.
	ByKind map[string]map[string]int `json:"byKind"`
	// Connections is how many TCP connections were opened.
	Connections int            `json:"connections"`
	Errors      map[string]int `json:"errors"`
	FirstError  string         `json:"firstError,omitempty"`
	// LongestGapMs is the longest time without any good answer.
	LongestGapMs float64 `json:"longestGapMs"`
	P50Ms        float64 `json:"p50Ms"`
	P99Ms        float64 `json:"p99Ms"`
	MaxMs        float64 `json:"maxMs"`
	PerSecond    float64 `json:"perSecond"`
	StartedAtMs  int64   `json:"startedAtMs"`
	EndedAtMs    int64   `json:"endedAtMs"`
	// Changes tells when the answering side changed (Unix milliseconds), at most 1000.
	Changes []change `json:"changes"`
	// Lines are samples of what came back (banners, echoes, addresses), at most 50.
	Lines []string `json:"lines,omitempty"`
}

type change struct {
	AtMs int64  `json:"atMs"`
	Who  string `json:"who"`
}

// recorder collects results of many goroutines.
type recorder struct {
	lock      sync.Mutex
	result    report
	latencies []time.Duration
	started   time.Time
	lastGood  time.Time
}

func newRecorder() *recorder {
	now := time.Now()
	return &recorder{started: now, lastGood: now, result: report{
		ByWho: map[string]int{}, ByKind: map[string]map[string]int{}, Errors: map[string]int{}, StartedAtMs: now.UnixMilli(), Changes: []change{},
	}}
}

func (r *recorder) connected() {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.result.Connections++
}

func (r *recorder) line(text string) {
	r.lock.Lock()
	defer r.lock.Unlock()
	if len(r.result.Lines) < 50 {
		r.result.Lines = append(r.result.Lines, text)
	}
}

// add records one exchange: who answered, or why nobody did.
func (r *recorder) add(kind, who string, took time.Duration, err error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.result.Total++
	now := time.Now()
	if err != nil {
		r.result.Failed++
		r.result.Errors[errorKind(err)]++
		if r.result.FirstError == "" {
			r.result.FirstError = now.Format("15:04:05.000 ") + err.Error()
		}
		return
	}
	r.result.ByWho[who]++
	if r.result.ByKind[kind] == nil {
		r.result.ByKind[kind] = map[string]int{}
	}
	r.result.ByKind[kind][who]++
	if changes := r.result.Changes; len(changes) < 1000 && (len(changes) == 0 || changes[len(changes)-1].Who != who) {
		r.result.Changes = append(changes, change{now.UnixMilli(), who})
	}
	r.latencies = append(r.latencies, took)
	r.gap(now)
	r.lastGood = now
}

func (r *recorder) gap(now time.Time) {
	r.result.LongestGapMs = max(r.result.LongestGapMs, inMs(now.Sub(r.lastGood)))
}

// report is the state of affairs; it may be asked for while the probe runs.
func (r *recorder) report() report {
	r.lock.Lock()
	defer r.lock.Unlock()
	now := time.Now()
	r.gap(now)
	result := r.result
	// Copies, because the probe may go on while the answer is written.
	result.ByWho, result.Errors, result.Changes = maps.Clone(result.ByWho), maps.Clone(result.Errors), slices.Clone(result.Changes)
	result.ByKind = map[string]map[string]int{}
	for kind, counts := range r.result.ByKind {
		result.ByKind[kind] = maps.Clone(counts)
	}
	result.EndedAtMs = now.UnixMilli()
	sorted := slices.Sorted(slices.Values(r.latencies))
	if count := len(sorted); count > 0 {
		result.P50Ms, result.P99Ms, result.MaxMs = inMs(sorted[count/2]), inMs(sorted[count*99/100]), inMs(sorted[count-1])
		result.PerSecond = float64(count) / now.Sub(r.started).Seconds()
	}
	return result
}

func inMs(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// errorKind is a word to count by.
func errorKind(err error) string {
	var network net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	case strings.HasPrefix(err.Error(), "status "):
		return err.Error()
	}
	return "other"
}
