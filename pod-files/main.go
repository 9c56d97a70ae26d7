// Command pod-files brings the files of a pod to a container on a laptop.
//
// In the agent's pod it is an SSH server whose only users are bridges, each with a key that lasts as long as the bridge:
//
//	pod-files serve          the server; the agent tells it on stdin which bridges there are
//	pod-files freeze         holds processes still, for as long as it lives; the agent tells it on stdin which
//	pod-files watch-netns    tells of changed rules in network namespaces; the agent tells it on stdin in which
//	pod-files session NAME   one subsystem (sftp, copy) of one connection, confined to the volumes of one container
//
// On the laptop it fills one Docker volume per bridge:
//
//	pod-files mount          stays: keeps synced volumes equal and the live ones mounted
//	pod-files apply          tells the running `mount` what to bring (plan on stdin) and reports progress until it is there
//	pod-files dial           speaks SFTP on stdio for sshfs
//	pod-files export         writes a tar of all volumes to stdout, once
//	pod-files unmount        undoes what a killed `mount` has left mounted
//
// And beside an app container that goes out as a pod:
//
//	pod-files loopback       leads ports of its 127.0.0.1 to those of the pod
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"time"
)

// The confinement of a session changes its thread, which has to be the process's first one.
func init() { runtime.LockOSThread() }

var programs = map[string]func(args []string) error{
	"serve": serve, "session": session, "mount": mount, "apply": apply, "export": export, "unmount": unmountLeft,
	"loopback": loopback, "freeze": freeze, "watch-netns": watchNetns,
}

func main() {
	name := ""
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	program := programs[name]
	if program == nil {
		fmt.Fprintln(os.Stderr, "usage: pod-files serve | session NAME | mount | apply | export | unmount | loopback | freeze | watch-netns")
		os.Exit(2)
	}
	if err := program(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "pod-files "+name+": "+err.Error())
		os.Exit(1)
	}
}

// say writes one line of JSON to stderr: the log of those that stay.
func say(event string, facts map[string]any) {
	line := map[string]any{"at": time.Now().UTC().Format(time.RFC3339Nano), "event": event}
	for name, value := range facts {
		line[name] = value
	}
	text, _ := json.Marshal(line)
	os.Stderr.Write(append(text, '\n'))
}
