package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// newControl lets a test run probes from inside the cluster without exec:
//
//	POST /run   {"args": ["http", "--url", ...]}  answers the report at the end
//	POST /start {"args": [...]}                   answers {"id": N} at once
//	GET  /peek?id=N                               the report so far
//	POST /stop?id=N                               ends the probe and answers its report
//	POST /fetch {"url", "method", "headers", "body"}  makes one request and answers {"status", "headers", "body", "proto", "certificate"}
func newControl(ctx context.Context) http.Handler {
	type running struct {
		stop   context.CancelFunc
		done   chan struct{}
		record *recorder
		err    error
	}
	var lock sync.Mutex
	probes := map[int64]*running{}
	var last int64

	start := func(parent context.Context, r *http.Request) (*running, error) {
		var body struct{ Args []string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return nil, err
		}
		probe, err := parseProbe(body.Args)
		if err != nil {
			return nil, err
		}
		limited, stop := context.WithCancel(parent)
		started := &running{stop: stop, done: make(chan struct{}), record: newRecorder()}
		go func() {
			defer close(started.done)
			started.err = probe(limited, started.record)
		}()
		return started, nil
	}
	finish := func(w http.ResponseWriter, probe *running) {
		<-probe.done
		if probe.err != nil {
			http.Error(w, probe.err.Error(), http.StatusInternalServerError)
			return
		}
		writeJSON(w, probe.record.report())
	}
	find := func(w http.ResponseWriter, r *http.Request) *running {
		lock.Lock()
		defer lock.Unlock()
		probe := probes[number64(r, "id", 0)]
		if probe == nil {
			http.Error(w, "no such probe", http.StatusNotFound)
		}
		return probe
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("POST /run", func(w http.ResponseWriter, r *http.Request) {
		probe, err := start(r.Context(), r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		finish(w, probe)
	})
	mux.HandleFunc("POST /start", func(w http.ResponseWriter, r *http.Request) {
		probe, err := start(ctx, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		lock.Lock()
		defer lock.Unlock()
		last++
		probes[last] = probe
		writeJSON(w, map[string]int64{"id": last})
	})
	mux.HandleFunc("GET /peek", func(w http.ResponseWriter, r *http.Request) {
		if probe := find(w, r); probe != nil {
			writeJSON(w, probe.record.report())
		}
	})
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, r *http.Request) {
		if probe := find(w, r); probe != nil {
			probe.stop()
			select {
			case <-probe.done:
				finish(w, probe)
			case <-time.After(30 * time.Second):
				http.Error(w, "the probe does not end", http.StatusGatewayTimeout)
			}
		}
	})
	mux.HandleFunc("POST /fetch", fetch)
	return mux
}

func fetch(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		URL, Method, Body string
		Headers           map[string]string
		HTTP2             bool
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request, err := http.NewRequestWithContext(r.Context(), ask.Method, ask.URL, strings.NewReader(ask.Body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for name, value := range ask.Headers {
		request.Header.Set(name, value)
	}
	// A connection of its own: what an earlier request left open must not decide who answers this one.
	transport := &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: ask.HTTP2, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	response, err := transport.RoundTrip(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	answer := map[string]any{"status": response.StatusCode, "headers": lowerCase(response.Header), "body": string(body), "proto": response.Proto}
	if response.TLS != nil && len(response.TLS.PeerCertificates) > 0 {
		answer["certificate"] = response.TLS.PeerCertificates[0].Subject.CommonName
	}
	writeJSON(w, answer)
}
