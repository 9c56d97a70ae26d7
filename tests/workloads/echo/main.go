// Command echo is the workload of the tests: one static binary that is the
// pod's process, the app container, and (as `echo client`) the prober.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
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
	case args[0] == "loop":
		err = crashLoop(ctx, args[1:])
	default:
		err = fmt.Errorf("unknown command %q: serve, client or loop", args[0])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}
