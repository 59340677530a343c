// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker; without it the build information tells.
var version string

func newVersion(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version of homeostatctl",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p := printer{out: cmd.OutOrStdout(), json: o.output == outputJSON}
			v := versionOf(version, debug.ReadBuildInfo)
			return done(p, fmt.Sprintf("homeostatctl %s (%s, %s/%s)", v, runtime.Version(), runtime.GOOS, runtime.GOARCH),
				map[string]any{"version": v, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
		},
	}
}

// versionOf prefers what the linker was told over what the module says.
func versionOf(linked string, read func() (*debug.BuildInfo, bool)) string {
	if linked != "" {
		return linked
	}
	if info, ok := read(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
