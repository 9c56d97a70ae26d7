package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	netnsDirectory = "/run/netns"
	// Changes within this time are told as one.
	changesGather = 300 * time.Millisecond
)

// watchOrder is one line on stdin: exactly these network namespaces (names in /run/netns) are watched from now on.
type watchOrder struct {
	Watch []string `json:"watch"`
}

// watchNews is one line on stdout: rules or routes of this namespace have changed, whoever did it; or it cannot be watched.
type watchNews struct {
	Netns  string `json:"netns"`
	Failed string `json:"failed,omitempty"`
}

// subscriptions are the kernel's news of nftables, and of IPv4 routes and policy rules (rtnetlink(7)).
var subscriptions = []struct {
	protocol int
	groups   uint32
}{
	{unix.NETLINK_NETFILTER, 1 << (unix.NFNLGRP_NFTABLES - 1)},
	{unix.NETLINK_ROUTE, 1<<(unix.RTNLGRP_IPV4_ROUTE-1) | 1<<(unix.RTNLGRP_IPV4_RULE-1)},
}

// watchNetns tells of changes in many network namespaces from one process that sleeps while nothing happens: a netlink socket belongs to
// the namespace that it was made in, wherever its owner goes afterwards. A namespace counts as changed when its watch begins. It ends
// with its stdin.
func watchNetns([]string) error {
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	orders, broken := readOrders[watchOrder](os.Stdin)
	changes, news := make(chan string), json.NewEncoder(os.Stdout)
	watched, changed := map[string][]*os.File{}, map[string]bool{}
	var due <-chan time.Time
	note := func(name string) {
		changed[name] = true
		if due == nil {
			due = time.After(changesGather)
		}
	}
	for {
		select {
		case order, more := <-orders:
			if !more {
				return broken()
			}
			wanted := map[string]bool{}
			for _, name := range order.Watch {
				wanted[name] = true
				if watched[name] != nil {
					continue
				}
				sockets, err := subscribe(name, own)
				if err != nil {
					if err := news.Encode(watchNews{name, err.Error()}); err != nil {
						return err
					}
					continue
				}
				watched[name] = sockets
				for _, socket := range sockets {
					go listen(socket, name, changes)
				}
				note(name)
			}
			for name, sockets := range watched {
				if !wanted[name] {
					closeAll(sockets)
					delete(watched, name)
				}
			}
		case name := <-changes:
			note(name)
		case <-due:
			due = nil
			for name := range changed {
				delete(changed, name)
				if watched[name] == nil {
					continue
				}
				if err := news.Encode(watchNews{Netns: name}); err != nil {
					return err
				}
			}
		}
	}
}

// subscribe goes into the namespace for a moment; main has locked the thread.
func subscribe(name string, own *os.File) (sockets []*os.File, err error) {
	there, err := os.Open(filepath.Join(netnsDirectory, name))
	if err != nil {
		return nil, err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	defer func() {
		if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
			err = back
		}
		if err != nil {
			closeAll(sockets)
			sockets = nil
		}
	}()
	for _, one := range subscriptions {
		socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, one.protocol)
		if err != nil {
			return sockets, err
		}
		sockets = append(sockets, os.NewFile(uintptr(socket), name))
		if err := unix.Bind(socket, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: one.groups}); err != nil {
			return sockets, err
		}
	}
	return sockets, nil
}

func closeAll(sockets []*os.File) {
	for _, socket := range sockets {
		socket.Close()
	}
}

// listen does not look into the messages: whoever is told looks at the whole.
func listen(socket *os.File, name string, changes chan<- string) {
	ignored := make([]byte, 64)
	for {
		// ENOBUFS: more has changed than the kernel could keep for us.
		if _, err := socket.Read(ignored); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return
		}
		changes <- name
	}
}
