package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets this program play the one that freezes, and the one that is frozen.
func TestMain(m *testing.M) {
	switch os.Getenv("FREEZE_TEST") {
	case "tracer":
		runtime.LockOSThread()
		if err := freeze(nil); err != nil {
			panic(err)
		}
		os.Exit(0)
	case "victim":
		count()
	}
	os.Exit(m.Run())
}

// count makes threads and a child of its own, and all of them count.
func count() {
	if os.Getenv("FREEZE_CHILD") == "" {
		child := exec.Command("/proc/self/exe")
		child.Env = append(os.Environ(), "FREEZE_CHILD=1")
		child.Stdout = os.Stdout
		if child.Start() != nil {
			os.Exit(1)
		}
	}
	go func() {
		runtime.LockOSThread()
		for {
			fmt.Println("thread")
			time.Sleep(5 * time.Millisecond)
		}
	}()
	for {
		fmt.Println("main", os.Getpid())
		time.Sleep(5 * time.Millisecond)
	}
}

func play(t *testing.T, part string) *exec.Cmd {
	t.Helper()
	command := exec.Command("/proc/self/exe")
	command.Env = append(os.Environ(), "FREEZE_TEST="+part)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	t.Cleanup(func() {
		syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		command.Wait()
	})
	return command
}

func TestFreeze(t *testing.T) {
	victim := play(t, "victim")
	output, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1<<20)
	go func() {
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	// Everybody moves: two processes, and their threads.
	moves := func() bool {
		for len(lines) > 0 {
			<-lines
		}
		seen := map[string]bool{}
		deadline := time.After(2 * time.Second)
		for len(seen) < 3 {
			select {
			case line := <-lines:
				seen[line] = true
			case <-deadline:
				return false
			}
		}
		return true
	}
	// What was written before the stop may still be on its way.
	stands := func() bool {
		time.Sleep(100 * time.Millisecond)
		for len(lines) > 0 {
			<-lines
		}
		time.Sleep(300 * time.Millisecond)
		return len(lines) == 0
	}
	if !moves() {
		t.Fatal("the victim does not count")
	}
	start := func() (*exec.Cmd, func(roots string) freezeAnswer, func()) {
		tracer := play(t, "tracer")
		in, _ := tracer.StdinPipe()
		out, _ := tracer.StdoutPipe()
		if err := tracer.Start(); err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(out)
		return tracer, func(roots string) freezeAnswer {
			fmt.Fprintf(in, `{"seq":7,"roots":[%s]}`+"\n", roots)
			line, err := reader.ReadString('\n')
			var answer freezeAnswer
			if err != nil || json.Unmarshal([]byte(line), &answer) != nil {
				t.Fatalf("%v: %q", err, line)
			}
			return answer
		}, func() { in.Close() }
	}
	whole := fmt.Sprintf(`{"pid":%d,"startTime":"%s"}`, victim.Process.Pid, startOf(victim.Process.Pid))

	tracer, order, _ := start()
	answer := order(whole)
	if strings.Contains(fmt.Sprint(answer.Failed), "not permitted") {
		t.Skip("this machine forbids tracing: ", answer.Failed)
	}
	if answer.Seq != 7 || len(answer.Held) != 1 || !stands() {
		t.Fatalf("not held: %+v", answer)
	}
	if order(""); !moves() {
		t.Fatal("not let go on")
	}
	if order(fmt.Sprintf(`{"pid":%d,"startTime":"1"}`, victim.Process.Pid)); !moves() {
		t.Fatal("held, though another process is meant")
	}
	if order(whole); !stands() {
		t.Fatal("not held again")
	}
	tracer.Process.Kill()
	if !moves() {
		t.Fatal("stands still though its tracer was killed")
	}

	_, order, end := start()
	if order(whole); !stands() {
		t.Fatal("not held by the second tracer")
	}
	end()
	if !moves() {
		t.Fatal("stands still though its tracer was told to end")
	}
}
