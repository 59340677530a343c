// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/demo"
)

// newDemo is the one command that needs no running Homeostat: it brings its own.
func newDemo() *cobra.Command { return demo.Command() }
