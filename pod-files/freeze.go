package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// How often the kernel is asked for news of held threads: some have ended, some have just stopped. Nobody waits for it.
const newsInterval = 50 * time.Millisecond

// freezeOrder is one line on stdin: exactly these processes and their descendants are held from now on, all others go on.
type freezeOrder struct {
	Seq   int    `json:"seq"`
	Roots []root `json:"roots"`
}

// root is a process in our PID namespace; since numbers are given again, with its start time (field 22 of /proc/PID/stat).
type root struct {
	Pid       int    `json:"pid"`
	StartTime string `json:"startTime"`
}

// freezeAnswer is one line on stdout.
type freezeAnswer struct {
	Seq    int            `json:"seq"`
	Held   []int          `json:"held"`
	Failed map[int]string `json:"failed,omitempty"`
}

// freeze holds processes by tracing them (ptrace(2): PTRACE_SEIZE, PTRACE_INTERRUPT), because what a tracer holds, the kernel lets go
// on when the tracer ends, however that happens: a process that nobody holds any more runs. It ends with its stdin.
//
// A held thread waits in the kernel. Its system call goes on afterwards as after a stop by a signal (signal(7)); signals wait, and
// SIGKILL works.
func freeze([]string) error {
	orders, broken := readOrders[freezeOrder](os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	held := &holder{threads: map[int]root{}, leaving: map[int]bool{}}
	// Only the thread that traces may ask and tell; main has locked it.
	for {
		select {
		case order, more := <-orders:
			if !more {
				// The end of the tracer is the end of the hold.
				return broken()
			}
			if err := answers.Encode(held.apply(order)); err != nil {
				return err
			}
		case <-time.After(newsInterval):
			held.news()
		}
	}
}

// holder knows every thread that it traces, and the root on whose behalf.
type holder struct {
	roots   []root
	threads map[int]root
	// Threads that shall go on, and have not stopped yet: only a stopped one can be let go.
	leaving map[int]bool
}

func (h *holder) apply(order freezeOrder) freezeAnswer {
	answer := freezeAnswer{Seq: order.Seq, Held: []int{}, Failed: map[int]string{}}
	h.roots = nil
	for _, each := range order.Roots {
		if startOf(each.Pid) == each.StartTime {
			h.roots = append(h.roots, each)
		}
	}
	h.news()
	h.releaseOthers()
	for _, each := range slices.Clone(h.roots) {
		if err := h.hold(each); err != nil {
			answer.Failed[each.Pid] = err.Error()
			h.roots = slices.DeleteFunc(h.roots, func(other root) bool { return other == each })
			h.releaseOthers()
			continue
		}
		answer.Held = append(answer.Held, each.Pid)
	}
	return answer
}

// hold stops every thread of a process and of its descendants. A thread that is not held yet may make another meanwhile, so it looks
// until nothing is new.
func (h *holder) hold(whose root) error {
	for news := true; news; {
		news = false
		for _, pid := range family(whose.Pid) {
			entries, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*", pid))
			if err != nil {
				return err
			}
			for _, entry := range entries {
				tid, _ := strconv.Atoi(filepath.Base(entry))
				if _, known := h.threads[tid]; known {
					continue
				}
				err := seize(tid)
				// Ours already: a held thread has made it.
				if errors.Is(err, unix.EPERM) && statusField(tid, "TracerPid") == os.Getpid() {
					err = nil
				}
				if errors.Is(err, unix.ESRCH) {
					continue
				}
				if err != nil {
					return err
				}
				h.threads[tid] = whose
				delete(h.leaving, tid)
				news = true
			}
		}
	}
	return nil
}

func (h *holder) releaseOthers() {
	for tid, whose := range h.threads {
		if !slices.Contains(h.roots, whose) {
			delete(h.threads, tid)
			h.leaving[tid] = true
		}
	}
	h.release()
}

func (h *holder) release() {
	for tid := range h.leaving {
		err := ptrace(unix.PTRACE_DETACH, tid, 0)
		if _, gone := os.Stat(fmt.Sprintf("/proc/%d", tid)); err == nil || gone != nil {
			delete(h.leaving, tid)
		}
	}
}

// news takes what the kernel tells of held threads: it wakes nobody.
func (h *holder) news() {
	for {
		var status unix.WaitStatus
		tid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOHANG, nil)
		if err != nil || tid <= 0 {
			break
		}
		if status.Exited() || status.Signaled() {
			delete(h.threads, tid)
			delete(h.leaving, tid)
		} else if _, known := h.threads[tid]; !known {
			h.adopt(tid)
		}
	}
	h.release()
}

// adopt finds out on whose behalf a thread is held that was born so.
func (h *holder) adopt(tid int) {
	for pid := statusField(tid, "Tgid"); pid > 1; pid = statusField(pid, "PPid") {
		for _, each := range h.roots {
			if each.Pid == pid {
				h.threads[tid] = each
				return
			}
		}
	}
	h.leaving[tid] = true
}

// Threads and processes that a held thread makes, before it stops, are held from their birth.
const bornHeld = unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK

func seize(tid int) error {
	if err := ptrace(unix.PTRACE_SEIZE, tid, bornHeld); err != nil {
		return err
	}
	return ptrace(unix.PTRACE_INTERRUPT, tid, 0)
}

func ptrace(request, tid int, data uintptr) error {
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), 0, data, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// family is a process and all that descend from it, as far as their parents live: an exec from outside (kubectl exec) is not among them.
func family(pid int) []int {
	children := map[int][]int{}
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, entry := range entries {
		child, _ := strconv.Atoi(filepath.Base(entry))
		parent := parentOf(entry)
		children[parent] = append(children[parent], child)
	}
	all := []int{pid}
	for at := 0; at < len(all); at++ {
		all = append(all, children[all[at]]...)
	}
	return all
}

// startOf is empty when there is no such process.
func startOf(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return startTimeOf(string(text))
}

func parentOf(entry string) int {
	text, _ := os.ReadFile(filepath.Join(entry, "stat"))
	// The state, then the parent, after a name that may contain anything (proc(5)).
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

func statusField(pid int, name string) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			number, _ := strconv.Atoi(strings.TrimSpace(value))
			return number
		}
	}
	return 0
}
