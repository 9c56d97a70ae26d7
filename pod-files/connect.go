package main

import (
	"bufio"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	// Where cargo gives tickets; a Docker volume that only cargo and our containers have.
	ticketSocket = "/run/podbridge/tickets/socket"
	// Of all that a connection needs.
	connectTimeout = 8 * time.Second
	// How long the agent may be silent before what waits for it gets an error.
	silenceTimeout = 5 * time.Second
)

type bridgeRef struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// ticket is cargo's answer: it has asked an agent, and opened what that had sealed for the link.
type ticket struct {
	Error string `json:"error"`
	// host:port of the server there.
	Address string `json:"address"`
	// Its raw Ed25519 public key, and the seed of ours; base64.
	HostKey string `json:"hostKey"`
	Key     string `json:"key"`
}

func fetchTicket(bridge bridgeRef) (ticket, error) {
	var got ticket
	connection, err := net.DialTimeout("unix", ticketSocket, connectTimeout)
	if err != nil {
		return got, fmt.Errorf("cargo: %w", err)
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(connectTimeout))
	line, _ := json.Marshal(map[string]any{"bridge": bridge})
	if _, err := connection.Write(append(line, '\n')); err != nil {
		return got, err
	}
	answer, err := bufio.NewReader(connection).ReadBytes('\n')
	if err != nil {
		return got, fmt.Errorf("cargo: %w", err)
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		return got, err
	}
	if got.Error != "" {
		return got, errors.New(got.Error)
	}
	return got, nil
}

func connect(bridge bridgeRef) (*ssh.Client, error) {
	way, err := fetchTicket(bridge)
	if err != nil {
		return nil, err
	}
	host, err := base64.StdEncoding.DecodeString(way.HostKey)
	if err != nil || len(host) != ed25519.PublicKeySize {
		return nil, errors.New("the agent's key is no Ed25519 key")
	}
	seed, err := base64.StdEncoding.DecodeString(way.Key)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, errors.New("the bridge's key is no Ed25519 key")
	}
	hostKey, err := ssh.NewPublicKey(ed25519.PublicKey(host))
	if err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		return nil, err
	}
	raw, err := net.DialTimeout("tcp", way.Address, silenceTimeout)
	if err != nil {
		return nil, err
	}
	dropDeadPeer(raw, silenceTimeout)
	raw.SetDeadline(time.Now().Add(connectTimeout))
	connection, channels, requests, err := ssh.NewClientConn(raw, way.Address, &ssh.ClientConfig{
		User: "bridge", Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(hostKey),
		// With hardware support on both sides the fastest one.
		Config: ssh.Config{Ciphers: []string{ssh.CipherAES128GCM}},
	})
	if err != nil {
		raw.Close()
		return nil, err
	}
	raw.SetDeadline(time.Time{})
	return ssh.NewClient(connection, channels, requests), nil
}

// channelTo opens a channel to a subsystem of the server.
func channelTo(client *ssh.Client, subsystem string) (ssh.Channel, error) {
	channel, requests, err := client.OpenChannel("session", nil)
	if err != nil {
		return nil, err
	}
	go ssh.DiscardRequests(requests)
	ok, err := channel.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{subsystem}))
	if err == nil && !ok {
		err = fmt.Errorf("the agent has no subsystem %s", subsystem)
	}
	if err != nil {
		channel.Close()
		return nil, err
	}
	return channel, nil
}

// askForCopies sends a request to the subsystem "copy"; the frames are then read from the channel.
func askForCopies(client *ssh.Client, roots []copyRoot) (io.ReadCloser, error) {
	channel, err := channelTo(client, "copy")
	if err != nil {
		return nil, err
	}
	line, _ := json.Marshal(copyRequest{Roots: roots})
	if _, err := channel.Write(append(line, '\n')); err != nil {
		channel.Close()
		return nil, err
	}
	return &explained{channel: channel, said: readAll(channel.Stderr())}, nil
}

// explained gives the words of the other side's error instead of a bare end.
type explained struct {
	channel ssh.Channel
	said    <-chan string
}

func (e *explained) Read(data []byte) (int, error) {
	n, err := e.channel.Read(data)
	if err == io.EOF {
		select {
		case words := <-e.said:
			if words != "" {
				return n, errors.New(words)
			}
		case <-time.After(time.Second):
		}
	}
	return n, err
}

func (e *explained) Close() error { return e.channel.Close() }

func readAll(reader io.Reader) <-chan string {
	result := make(chan string, 1)
	go func() {
		words, _ := io.ReadAll(io.LimitReader(reader, 4096))
		result <- string(words)
	}()
	return result
}
