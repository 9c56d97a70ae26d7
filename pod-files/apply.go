package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"
)

const applyInterval = 20 * time.Millisecond

// apply hands a plan to the running `mount`, and writes its status as lines of JSON whenever it changes, until it is ready.
func apply([]string) error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var checked plan
	if err := json.Unmarshal(text, &checked); err != nil {
		return err
	}
	if err := os.WriteFile(planFile+".new", text, 0o600); err != nil {
		return err
	}
	if err := os.Rename(planFile+".new", planFile); err != nil {
		return err
	}
	last := ""
	for {
		text, err := os.ReadFile(statusFile)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if len(text) > 0 && string(text) != last {
			last = string(text)
			if _, err := os.Stdout.Write(append(text, '\n')); err != nil {
				return err
			}
			var now status
			if json.Unmarshal(text, &now) == nil && now.Ready {
				return nil
			}
		}
		time.Sleep(applyInterval)
	}
}
