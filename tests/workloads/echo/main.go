// Command echo is the workload of the tests: one static binary that is the
// pod's process, the app container, and (as `echo client`) the prober.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	args := os.Args[1:]
	var err error
	switch {
	case len(args) == 0 || args[0] == "serve":
		err = serve(ctx, configFromEnv())
	case args[0] == "client":
		err = client(ctx, args[1:], os.Stdout)
	case args[0] == "certificate" && len(args) == 2:
		err = printCertificate(args[1], os.Stdout)
	case args[0] == "ask" && len(args) == 2:
		err = ask(args[1])
	case args[0] == "loop":
		err = crashLoop(ctx, args[1:])
	default:
		err = fmt.Errorf("unknown command %q: serve, client, ask or loop", args[0])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

// ask fails unless the server at the address answers that it is well: what an exec probe runs.
func ask(address string) error {
	client := http.Client{Timeout: time.Second}
	response, err := client.Get("http://" + address + "/healthz")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}
