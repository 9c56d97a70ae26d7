package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// plan says what of a pod is brought here, and where. It lies in the bridge's volume, so that a restarted container goes on with it.
type plan struct {
	Bridge bridgeRef `json:"bridge"`
	// Brought before the container starts; followed ones are kept equal.
	Copies []struct {
		copyRoot
		// Name below /files/copies.
		As string `json:"as"`
	} `json:"copies"`
	// Mount everything of the pod at /files/live.
	Live bool `json:"live"`
	// Empty directories below /files/local.
	Local []string `json:"local"`
}

// status is what `apply` tells the command.
type status struct {
	Ready bool `json:"ready"`
	// Arrived of expected, as far as known.
	Bytes   int64 `json:"bytes"`
	OfBytes int64 `json:"ofBytes"`
	// Why it is not ready, in words.
	Waiting string `json:"waiting,omitempty"`
	// Copies that the agent could not read; the container starts without them.
	Failed map[string]string `json:"failed,omitempty"`
}

const (
	filesDirectory = "/files"
	liveDirectory  = filesDirectory + "/live"
	planFile       = filesDirectory + "/plan.json"
	statusFile     = "/run/pod-files-status.json"
	// Of our own namespace only. sshfs speaks plain SFTP to it; encryption is the connection's.
	sftpAddress = "127.0.0.1:2022"
	// Cached attributes and directory entries are so old at most, seconds.
	cacheSeconds = 5
	fuseMagic    = 0x65735546
	planInterval = 20 * time.Millisecond
	retryDelay   = 500 * time.Millisecond
)

type mounter struct {
	plan   plan
	mu     sync.Mutex
	client *ssh.Client
	status status
	// Roots that need not be asked for again.
	copied  map[string]bool
	arrived map[string]int64
	mounted bool
	// Set when the container is told to stop.
	ending bool
}

func mount([]string) error {
	unix.Umask(0)
	os.Remove(statusFile)
	// What an earlier, killed one has left.
	unmountLive()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	wanted := make(chan plan, 1)
	go func() { wanted <- readPlan() }()
	m := &mounter{copied: map[string]bool{}, arrived: map[string]int64{}}
	for {
		select {
		case <-stop:
			m.mu.Lock()
			m.ending = true
			m.mu.Unlock()
			unmountLive()
			return nil
		case m.plan = <-wanted:
			if err := m.prepare(); err != nil {
				return err
			}
			go m.stayConnected()
			if m.plan.Live {
				listener, err := net.Listen("tcp", sftpAddress)
				if err != nil {
					return err
				}
				go m.passSftp(listener)
				go m.stayMounted()
			}
			m.tell(func(*status) {})
		}
	}
}

func readPlan() plan {
	for {
		var read plan
		if text, err := os.ReadFile(planFile); err == nil && json.Unmarshal(text, &read) == nil {
			return read
		}
		time.Sleep(planInterval)
	}
}

func (m *mounter) prepare() error {
	for _, name := range []string{"copies", "local", "live", "stages"} {
		if err := os.MkdirAll(filepath.Join(filesDirectory, name), 0o755); err != nil {
			return err
		}
	}
	for _, name := range m.plan.Local {
		if err := os.MkdirAll(filepath.Join(filesDirectory, "local", name), 0o777); err != nil {
			return err
		}
	}
	return nil
}

// tell changes the status and writes it for `apply`.
func (m *mounter) tell(change func(*status)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.status)
	complete := true
	for _, one := range m.plan.Copies {
		complete = complete && m.copied[one.Path]
	}
	m.status.Ready = m.status.Ready || (complete && (!m.plan.Live || m.mounted))
	m.status.Bytes = 0
	for _, bytes := range m.arrived {
		m.status.Bytes += bytes
	}
	text, _ := json.Marshal(m.status)
	if err := os.WriteFile(statusFile+".new", text, 0o600); err == nil {
		os.Rename(statusFile+".new", statusFile)
	}
}

func (m *mounter) stayConnected() {
	said := ""
	for {
		client, err := connect(m.plan.Bridge)
		if err != nil {
			if err.Error() != said {
				said = err.Error()
				say("not connected", map[string]any{"error": said})
			}
			m.tell(func(s *status) { s.Waiting = err.Error() })
			time.Sleep(retryDelay)
			continue
		}
		said = ""
		say("connected", map[string]any{"address": client.RemoteAddr().String()})
		m.tell(func(s *status) { s.Waiting = "the first of them" })
		m.mu.Lock()
		m.client = client
		m.mu.Unlock()
		go m.keepCopies(client)
		err = client.Wait()
		m.mu.Lock()
		m.client = nil
		m.mu.Unlock()
		say("disconnected", map[string]any{"error": fmt.Sprint(err)})
		time.Sleep(retryDelay)
	}
}

// keepCopies brings what is not here yet, and every new version of what is followed, as long as the connection lasts.
func (m *mounter) keepCopies(client *ssh.Client) {
	var roots []copyRoot
	places := map[string]place{}
	m.mu.Lock()
	for _, one := range m.plan.Copies {
		if one.Follow || !m.copied[one.Path] {
			roots = append(roots, one.copyRoot)
			places[one.Path] = place{filepath.Join(filesDirectory, "copies", one.As)}
		}
	}
	m.mu.Unlock()
	if len(roots) == 0 {
		return
	}
	stream, err := askForCopies(client, roots)
	if err != nil {
		say("no copies", map[string]any{"error": err.Error()})
		client.Close()
		return
	}
	defer stream.Close()
	last := time.Now()
	expected := map[string]int64{}
	err = receive(stream, filepath.Join(filesDirectory, "stages"), places, func(bytes int64, of frame) {
		m.mu.Lock()
		if _, known := expected[of.Root]; !known {
			expected[of.Root], m.arrived[of.Root] = of.Bytes, 0
			m.status.OfBytes = 0
			for _, size := range expected {
				m.status.OfBytes += size
			}
		}
		m.arrived[of.Root] += bytes
		m.mu.Unlock()
		if time.Since(last) > 200*time.Millisecond {
			last = time.Now()
			m.tell(func(*status) {})
		}
	}, func(root string, err error) {
		delete(expected, root)
		facts := map[string]any{"root": root}
		if err != nil {
			facts["error"] = err.Error()
		}
		say("copied", facts)
		m.mu.Lock()
		m.copied[root] = true
		m.mu.Unlock()
		m.tell(func(s *status) {
			if err != nil {
				if s.Failed == nil {
					s.Failed = map[string]string{}
				}
				s.Failed[root] = err.Error()
			}
		})
	})
	if errors.Is(err, io.EOF) && !m.anyFollowed() {
		return
	}
	// A session that ends by itself has lost its container: the next ticket leads to the next one.
	say("copies ended", map[string]any{"error": fmt.Sprint(err)})
	m.tell(func(s *status) { s.Waiting = strings.TrimSpace(fmt.Sprint(err)) })
	client.Close()
}

func (m *mounter) anyFollowed() bool {
	for _, one := range m.plan.Copies {
		if one.Follow {
			return true
		}
	}
	return false
}

// passSftp gives each connection of sshfs a channel of its own. Without a connection to the agent it is closed at once, which sshfs turns into EIO;
// its next request tries again.
func (m *mounter) passSftp(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer connection.Close()
			m.mu.Lock()
			client := m.client
			m.mu.Unlock()
			if client == nil {
				return
			}
			channel, err := channelTo(client, "sftp")
			if err != nil {
				say("no sftp", map[string]any{"error": err.Error()})
				return
			}
			defer channel.Close()
			said := readAll(channel.Stderr())
			go func() {
				io.Copy(channel, connection)
				channel.CloseWrite()
			}()
			io.Copy(connection, channel)
			select {
			case words := <-said:
				if words != "" {
					say("sftp ended", map[string]any{"said": words})
				}
			case <-time.After(time.Second):
			}
		}()
	}
}

// stayMounted runs sshfs, and again when it ends.
func (m *mounter) stayMounted() {
	_, port, _ := net.SplitHostPort(sftpAddress)
	options := "directport=" + port + ",allow_other,default_permissions,reconnect,auto_cache,fsname=pod,subtype=pod,dcache_timeout=" + strconv.Itoa(cacheSeconds) + ",attr_timeout=" + strconv.Itoa(cacheSeconds) + ",entry_timeout=" + strconv.Itoa(cacheSeconds)
	for {
		m.mu.Lock()
		ready := m.client != nil
		m.mu.Unlock()
		if !ready {
			time.Sleep(planInterval)
			continue
		}
		program := exec.Command("sshfs", "-f", "-o", options, "127.0.0.1:/", liveDirectory)
		var said bytes.Buffer
		program.Stderr, program.Stdout = &limited{&said}, &limited{&said}
		ended := make(chan error, 1)
		if err := program.Start(); err != nil {
			ended <- err
		} else {
			go func() { ended <- program.Wait() }()
		}
		err := m.watchMount(ended)
		say("sshfs ended", map[string]any{"error": fmt.Sprint(err), "said": said.String()})
		m.mu.Lock()
		ending := m.ending
		m.mounted = false
		m.mu.Unlock()
		if ending {
			return
		}
		unmountLive()
		m.tell(func(s *status) { s.Waiting = "sshfs: " + strings.TrimSpace(said.String()) })
		time.Sleep(retryDelay)
	}
}

func (m *mounter) watchMount(ended <-chan error) error {
	for {
		select {
		case err := <-ended:
			return err
		case <-time.After(planInterval):
			if isMounted() {
				say("mounted", nil)
				m.mu.Lock()
				m.mounted = true
				m.mu.Unlock()
				m.tell(func(*status) {})
				return <-ended
			}
		}
	}
}

func isMounted() bool {
	var facts unix.Statfs_t
	return unix.Statfs(liveDirectory, &facts) == nil && facts.Type == fuseMagic
}

// unmountLive takes every mount at /files/live away, dead ones too. Lazily: whoever has a file open keeps it, and nobody waits.
func unmountLive() {
	for unix.Unmount(liveDirectory, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) == nil {
	}
}

func unmountLeft([]string) error {
	unmountLive()
	return nil
}
