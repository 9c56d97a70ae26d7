package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	handshakeTimeout = 10 * time.Second
	// Connections that are not authenticated yet; whoever fills them up keeps nobody out for longer than a handshake may take.
	mostUnknown = 64
	// A bridge needs two: sshfs and the synced volumes. More come from reconnecting.
	mostChannels = 8
	// A laptop that has gone leaves its session within this time.
	deadPeerTimeout = 30 * time.Second
)

// grant is what the agent says about one bridge.
type grant struct {
	// The bridge, for the log.
	ID string `json:"id"`
	// Raw Ed25519 public key, base64.
	PublicKey string `json:"publicKey"`
	target
}

// order is one line of stdin; the first one carries the key and the port as well.
type order struct {
	HostSeed string  `json:"hostSeed"`
	Port     int     `json:"port"`
	Seq      int     `json:"seq"`
	Grants   []grant `json:"grants"`
}

type server struct {
	mu sync.Mutex
	// By the wire form of their public key.
	grants map[string]grant
	// Connections by the same.
	open    map[string]map[*ssh.ServerConn]bool
	unknown int
}

// serve runs until stdin ends. Every line of stdin replaces all grants and is acknowledged with {"seq":N} on stdout; connections
// whose grant has gone are closed.
func serve([]string) error {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 16<<20)
	if !input.Scan() {
		return errors.New("stdin ended before the first line")
	}
	var first order
	if err := json.Unmarshal(input.Bytes(), &first); err != nil {
		return err
	}
	seed, err := base64.StdEncoding.DecodeString(first.HostSeed)
	if err != nil || len(seed) != ed25519.SeedSize {
		return errors.New("hostSeed is no Ed25519 seed")
	}
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		return err
	}
	s := &server{grants: map[string]grant{}, open: map[string]map[*ssh.ServerConn]bool{}}
	config := &ssh.ServerConfig{PublicKeyCallback: s.authenticate, MaxAuthTries: 2}
	config.AddHostKey(signer)
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", first.Port))
	if err != nil {
		return err
	}
	go s.accept(listener, config)
	if err := s.replace(first); err != nil {
		return err
	}
	for input.Scan() {
		var next order
		if err := json.Unmarshal(input.Bytes(), &next); err != nil {
			return err
		}
		if err := s.replace(next); err != nil {
			return err
		}
	}
	return input.Err()
}

func (s *server) replace(next order) error {
	grants := map[string]grant{}
	for _, one := range next.Grants {
		raw, err := base64.StdEncoding.DecodeString(one.PublicKey)
		if err != nil || len(raw) != ed25519.PublicKeySize {
			return errors.New("a grant's publicKey is no Ed25519 key")
		}
		key, err := ssh.NewPublicKey(ed25519.PublicKey(raw))
		if err != nil {
			return err
		}
		grants[string(key.Marshal())] = one
	}
	s.mu.Lock()
	s.grants = grants
	var ended []*ssh.ServerConn
	for key, connections := range s.open {
		if _, still := grants[key]; still {
			continue
		}
		for connection := range connections {
			ended = append(ended, connection)
		}
	}
	s.mu.Unlock()
	for _, connection := range ended {
		connection.Close()
	}
	fmt.Printf("{\"seq\":%d}\n", next.Seq)
	return nil
}

func (s *server) authenticate(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	wire := string(key.Marshal())
	s.mu.Lock()
	_, known := s.grants[wire]
	s.mu.Unlock()
	if !known {
		return nil, errors.New("unknown key")
	}
	return &ssh.Permissions{Extensions: map[string]string{"key": wire}}, nil
}

func (s *server) accept(listener net.Listener, config *ssh.ServerConfig) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			say("accept failed", map[string]any{"error": err.Error()})
			time.Sleep(100 * time.Millisecond)
			continue
		}
		s.mu.Lock()
		full := s.unknown >= mostUnknown
		if !full {
			s.unknown++
		}
		s.mu.Unlock()
		if full {
			connection.Close()
			continue
		}
		go func() {
			defer connection.Close()
			s.talk(connection, config)
		}()
	}
}

func (s *server) talk(raw net.Conn, config *ssh.ServerConfig) {
	dropDeadPeer(raw, deadPeerTimeout)
	raw.SetDeadline(time.Now().Add(handshakeTimeout))
	connection, channels, requests, err := ssh.NewServerConn(raw, config)
	s.mu.Lock()
	s.unknown--
	s.mu.Unlock()
	if err != nil {
		return // anybody may knock
	}
	raw.SetDeadline(time.Time{})
	key := connection.Permissions.Extensions["key"]
	s.mu.Lock()
	granted, still := s.grants[key]
	if still {
		if s.open[key] == nil {
			s.open[key] = map[*ssh.ServerConn]bool{}
		}
		s.open[key][connection] = true
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.open[key], connection)
		if len(s.open[key]) == 0 {
			delete(s.open, key)
		}
		s.mu.Unlock()
	}()
	if !still {
		return
	}
	go ssh.DiscardRequests(requests)
	var running sync.WaitGroup
	places := make(chan struct{}, mostChannels)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			offered.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		select {
		case places <- struct{}{}:
		default:
			offered.Reject(ssh.ResourceShortage, "too many channels")
			continue
		}
		running.Add(1)
		go func() {
			defer running.Done()
			defer func() { <-places }()
			channel, asked, err := offered.Accept()
			if err != nil {
				return
			}
			defer channel.Close()
			for request := range asked {
				name := subsystemOf(request)
				if name == "" {
					request.Reply(false, nil)
					continue
				}
				request.Reply(true, nil)
				go ssh.DiscardRequests(asked)
				runSession(channel, name, granted)
				return
			}
		}()
	}
	running.Wait()
}

func subsystemOf(request *ssh.Request) string {
	var payload struct{ Name string }
	if request.Type != "subsystem" || ssh.Unmarshal(request.Payload, &payload) != nil {
		return ""
	}
	if _, known := subsystems[payload.Name]; !known {
		return ""
	}
	return payload.Name
}

// runSession passes a channel to a process that is confined to what the grant names.
func runSession(channel ssh.Channel, subsystem string, granted grant) {
	description, _ := json.Marshal(granted.target)
	child := exec.Command("/proc/self/exe", "session", subsystem)
	child.Env = []string{targetVariable + "=" + string(description), "GOMAXPROCS=2", "GOMEMLIMIT=64MiB"}
	var said bytes.Buffer
	child.Stderr = &limited{buffer: &said}
	stdin, err := child.StdinPipe()
	if err != nil {
		return
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		return
	}
	if err := child.Start(); err != nil {
		say("session failed", map[string]any{"bridge": granted.ID, "error": err.Error()})
		return
	}
	say("session", map[string]any{"bridge": granted.ID, "subsystem": subsystem, "pid": child.Process.Pid})
	go func() {
		io.Copy(stdin, channel)
		// The end of its input is its end; should it not see that, it is made to.
		stdin.Close()
		time.AfterFunc(5*time.Second, func() { child.Process.Kill() })
	}()
	io.Copy(channel, stdout)
	code := uint32(0)
	if err := child.Wait(); err != nil {
		code = 1
		say("session ended", map[string]any{"bridge": granted.ID, "subsystem": subsystem, "error": err.Error(), "said": said.String()})
	}
	if said.Len() > 0 && code != 0 {
		channel.Stderr().Write(said.Bytes())
	} else if said.Len() > 0 {
		say("session said", map[string]any{"bridge": granted.ID, "said": said.String()})
	}
	channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{code}))
}

// limited keeps the beginning of what is written.
type limited struct{ buffer *bytes.Buffer }

func (l *limited) Write(data []byte) (int, error) {
	if room := 4096 - l.buffer.Len(); room > 0 {
		l.buffer.Write(data[:min(room, len(data))])
	}
	return len(data), nil
}
