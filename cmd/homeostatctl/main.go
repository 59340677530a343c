// SPDX-License-Identifier: Apache-2.0

// Command homeostatctl is the operator's hand on a running Homeostat: it
// shows incidents, answers approvals and throws the stop switch.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{Use: "homeostatctl", Short: "Operate a running Homeostat", SilenceUsage: true, SilenceErrors: true}
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "homeostatctl:", err)
		os.Exit(1)
	}
}
