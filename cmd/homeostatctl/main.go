// SPDX-License-Identifier: Apache-2.0

// Command homeostatctl is the operator's hand on a running Homeostat: it
// shows incidents, answers approvals and throws the stop switch.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run()) }

// run is main without the exit, so that tests can call it as a program.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := newRoot().ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(os.Stderr, "homeostatctl: "+clean(explain(err)))
	return exitCode(err)
}
