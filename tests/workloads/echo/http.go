package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// answer is the body of every ordinary request: who answered, and what the
// request looked like when it arrived.
type answer struct {
	Who        string              `json:"who"`
	Host       string              `json:"host"`
	Pid        int                 `json:"pid"`
	Method     string              `json:"method"`
	Path       string              `json:"path"`
	Proto      string              `json:"proto"`
	Authority  string              `json:"authority"`
	Headers    map[string][]string `json:"headers"`
	Remote     string              `json:"remote"`
	BodyBytes  int64               `json:"bodyBytes"`
	BodySha256 string              `json:"bodySha256,omitempty"`
}

// hung makes every handler but /hang, /unhang and /lag wait, as a program in
// a deadlock does: it accepts connections and never answers. lag (in
// nanoseconds, from /lag?ms=) makes them slow.
var (
	hung atomic.Bool
	lag  atomic.Int64
)

func newMux(who string) http.Handler {
	return hanging(newRoutes(who))
}

func hanging(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang", "/unhang":
			hung.Store(r.URL.Path == "/hang")
			return
		case "/lag":
			lag.Store(int64(milliseconds(r, "ms", 0)))
			return
		}
		time.Sleep(time.Duration(lag.Load()))
		for hung.Load() {
			select {
			case <-r.Context().Done():
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
		next.ServeHTTP(w, r)
	})
}

func newRoutes(who string) *http.ServeMux {
	hostname, _ := os.Hostname()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		size, err := io.Copy(sum, r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		reply := answer{
			Who: who, Host: hostname, Pid: os.Getpid(), Method: r.Method, Path: r.URL.RequestURI(), Proto: r.Proto,
			Authority: r.Host, Headers: lowerCase(r.Header), Remote: r.RemoteAddr, BodyBytes: size,
		}
		if size > 0 {
			reply.BodySha256 = hex.EncodeToString(sum.Sum(nil))
		}
		copies.note(r, reply)
		writeJSON(w, reply)
	})
	mux.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) {
		pairs := [][2]string{}
		for _, entry := range os.Environ() {
			name, value, _ := strings.Cut(entry, "=")
			pairs = append(pairs, [2]string{name, value})
		}
		writeJSON(w, map[string]any{"who": who, "env": pairs})
	})
	mux.HandleFunc("/identity", serveIdentity(who))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]string{"who": who}) })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(milliseconds(r, "ms", 1000)):
			writeJSON(w, map[string]string{"who": who})
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(r.PathValue("code"))
		if err != nil || code < 200 || code > 599 {
			code = http.StatusBadRequest
		}
		w.WriteHeader(code)
	})
	// /reply?status=302&header=location:http://x/: whatever a test wants to be answered.
	mux.HandleFunc("/reply", func(w http.ResponseWriter, r *http.Request) {
		for _, line := range r.URL.Query()["header"] {
			name, value, _ := strings.Cut(line, ":")
			w.Header().Add(name, value)
		}
		w.WriteHeader(int(number64(r, "status", 200)))
	})
	mux.HandleFunc("/copies", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, copies.list()) })
	mux.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	mux.HandleFunc("/sse", func(w http.ResponseWriter, r *http.Request) { sendEvents(w, r, who) })
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) { talk(w, r, who) })
	mux.HandleFunc("/download", func(w http.ResponseWriter, r *http.Request) {
		size, _ := strconv.ParseInt(r.URL.Query().Get("bytes"), 10, 64)
		w.Header().Set("content-type", "application/octet-stream")
		w.Header().Set("content-length", strconv.FormatInt(size, 10))
		w.Header().Set("x-who", who)
		_, _ = io.CopyN(w, zeroes{}, size)
	})
	return mux
}

// copyLog keeps what came as a copy of a request (x-bridge-mirror).
type copyLog struct {
	lock sync.Mutex
	seen []answer
}

var copies copyLog

func (l *copyLog) note(r *http.Request, seen answer) {
	if r.Header.Get("x-bridge-mirror") == "" {
		return
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	l.seen = append(l.seen, seen)
}

func (l *copyLog) list() []answer {
	l.lock.Lock()
	defer l.lock.Unlock()
	return append([]answer{}, l.seen...)
}

// sendEvents sends ?n= server-sent events, ?ms= milliseconds apart (n=0: without end).
func sendEvents(w http.ResponseWriter, r *http.Request, who string) {
	count, pause := int(number64(r, "n", 10)), milliseconds(r, "ms", 50)
	w.Header().Set("content-type", "text/event-stream")
	w.Header().Set("cache-control", "no-store")
	controller := http.NewResponseController(w)
	for n := 1; count == 0 || n <= count; n++ {
		if _, err := fmt.Fprintf(w, "data: {\"who\":%q,\"n\":%d}\n\n", who, n); err != nil {
			return
		}
		_ = controller.Flush()
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
			return
		}
	}
}

// talk answers each WebSocket message with who got it and its text.
func talk(w http.ResponseWriter, r *http.Request, who string) {
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer func() { _ = socket.CloseNow() }()
	for {
		kind, message, err := socket.Read(r.Context())
		if err != nil {
			return
		}
		reply, _ := json.Marshal(map[string]string{"who": who, "text": string(message)})
		if err := socket.Write(r.Context(), kind, reply); err != nil {
			return
		}
	}
}

type zeroes struct{}

func (zeroes) Read(buffer []byte) (int, error) {
	clear(buffer)
	return len(buffer), nil
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("content-type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func lowerCase(header http.Header) map[string][]string {
	lower := make(map[string][]string, len(header))
	for name, values := range header {
		lower[strings.ToLower(name)] = values
	}
	return lower
}

func number64(r *http.Request, name string, otherwise int64) int64 {
	if value, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64); err == nil {
		return value
	}
	return otherwise
}

func milliseconds(r *http.Request, name string, otherwise int64) time.Duration {
	return time.Duration(number64(r, name, otherwise)) * time.Millisecond
}
