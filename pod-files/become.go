package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Capabilities that mean something to files (capabilities(7)); a session keeps those of them that the container's process has, and no other.
const fileCapabilities = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID

// become gives all threads the ids of the container's process. Other users than root lose every capability thereby; root keeps the few above.
func become(whose target) error {
	unix.Umask(0)
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := syscall.Setgroups(whose.Groups); err != nil {
		return fmt.Errorf("groups: %w", err)
	}
	if err := syscall.Setresgid(whose.GID, whose.GID, whose.GID); err != nil {
		return fmt.Errorf("gid: %w", err)
	}
	if err := syscall.Setresuid(whose.UID, whose.UID, whose.UID); err != nil {
		return fmt.Errorf("uid: %w", err)
	}
	kept := uint64(0)
	if whose.UID == 0 {
		theirs, err := strconv.ParseUint(whose.Caps, 16, 64)
		if err != nil {
			return fmt.Errorf("capabilities %q: %w", whose.Caps, err)
		}
		own, err := permitted()
		if err != nil {
			return err
		}
		kept = theirs & own & fileCapabilities
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{
		{Effective: uint32(kept), Permitted: uint32(kept)},
		{Effective: uint32(kept >> 32), Permitted: uint32(kept >> 32)},
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0); errno != 0 {
		return fmt.Errorf("capset: %w", errno)
	}
	if left, err := permitted(); err != nil || left != kept {
		return fmt.Errorf("capabilities are %x instead of %x", left, kept)
	}
	return nil
}

func permitted() (uint64, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, err
	}
	return uint64(data[0].Permitted) | uint64(data[1].Permitted)<<32, nil
}

// endWith ends this process when that of the pidfd has ended: a copy of a mount must not keep a volume busy that the kubelet wants to detach.
func endWith(pidfd int) {
	go func() {
		for {
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
			if err != unix.EINTR {
				os.Exit(0)
			}
		}
	}()
}
