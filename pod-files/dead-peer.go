package main

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// dropDeadPeer makes reads and writes fail when the other side has not acknowledged anything for so long, also while nothing is
// sent (keep-alive probes; tcp(7) TCP_USER_TIMEOUT).
func dropDeadPeer(connection net.Conn, timeout time.Duration) {
	tcp, ok := connection.(*net.TCPConn)
	if !ok {
		return
	}
	tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: timeout / 3, Interval: timeout / 3, Count: 3})
	if raw, err := tcp.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds()))
		})
	}
}
