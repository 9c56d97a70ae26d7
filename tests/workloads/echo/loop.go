package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// crashLoop runs `echo serve` again and again, each time killed after a while,
// as a supervisor does with a program that crashes. Arguments: how long it is
// up, how long it is down (Go durations).
func crashLoop(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("loop UP DOWN")
	}
	up, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	down, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		run, cancel := context.WithTimeout(ctx, up)
		program := exec.CommandContext(run, "/proc/self/exe", "serve")
		program.Stdout, program.Stderr = os.Stdout, os.Stderr
		_ = program.Run()
		cancel()
		select {
		case <-ctx.Done():
		case <-time.After(down):
		}
	}
	return nil
}
