package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// target says whose files a session may touch, and as whom.
type target struct {
	// Main process of the container, in our PID namespace, and its start time (field 22 of /proc/PID/stat), since numbers are given again.
	Pid       int    `json:"pid"`
	StartTime string `json:"startTime"`
	// Mount points in the container, as /proc/PID/mountinfo names them.
	Mounts []string `json:"mounts"`
	UID    int      `json:"uid"`
	GID    int      `json:"gid"`
	Groups []int    `json:"groups"`
	// Effective capabilities of that process, as in /proc/PID/status.
	Caps string `json:"caps"`
}

const (
	targetVariable = "PODBRIDGE_TARGET"
	// Set for the second half: number of the pidfd of the container's process.
	confinedVariable = "PODBRIDGE_CONFINED"
)

var subsystems = map[string]func() error{"sftp": serveSftp, "copy": serveCopies}

// session runs in two halves. The first enters the container's mount namespace, takes copies of the mounts that it may show, and
// puts them into an empty root of its own. Only its own thread is there, so it executes itself again; the second half then gives up
// every right that the container's process has not, and serves.
func session(args []string) error {
	if len(args) != 1 || subsystems[args[0]] == nil {
		return errors.New("no such subsystem")
	}
	var whose target
	if err := json.Unmarshal([]byte(os.Getenv(targetVariable)), &whose); err != nil {
		return fmt.Errorf("%s: %w", targetVariable, err)
	}
	if os.Getenv(confinedVariable) == "" {
		return confine(whose, args[0])
	}
	process, err := strconv.Atoi(os.Getenv(confinedVariable))
	if err != nil {
		return err
	}
	endWith(process)
	if err := become(whose); err != nil {
		return fmt.Errorf("cannot take the rights of the container's process: %w", err)
	}
	return subsystems[args[0]]()
}
