// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
)

// Command is `homeostatctl demo`. Its hidden subcommands are the processes
// that the demo itself is made of.
func Command() *cobra.Command {
	var binary, dir string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Break this host in three ways, in a namespace of its own, and watch the repair",
		Long: `Runs the built Collector against three real faults: a runaway process, a daemon
that dies and a filesystem that fills up. First in observe mode, where nothing
may change, then in auto mode. Everything happens in a PID and a mount
namespace: nothing outside is seen or touched, and nothing is left behind.

Needs Linux, stress-ng, and root or unprivileged user namespaces.`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if Isolated() {
				return runInside(cmd, binary, dir)
			}
			return runOutside(cmd.Context(), binary, dir)
		},
	}
	cmd.Flags().StringVar(&binary, "binary", "bin/otelcol-homeostat", "the Collector to run")
	cmd.Flags().StringVar(&dir, "dir", "", "work in this folder and keep what was exported there (default: a temporary folder)")
	cmd.AddCommand(initCommand(), echoCommand())
	return cmd
}

// runOutside makes the namespaces and passes on how the run inside ended.
func runOutside(ctx context.Context, binary, dir string) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("there is no Collector at %s: run make build, or name it with --binary", binary)
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "homeostat-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	code, err := Isolate(ctx, []string{"--binary", binary, "--dir", dir})
	if err == nil && code != 0 {
		err = errors.New("the demo failed; see above")
	}
	return err
}

func runInside(cmd *cobra.Command, binary, dir string) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	_, err := Run(ctx, Options{Binary: binary, Dir: dir, Out: cmd.OutOrStdout()})
	return err
}

func initCommand() *cobra.Command {
	return &cobra.Command{
		Use:          "init",
		Hidden:       true,
		SilenceUsage: true,
		RunE: func(_ *cobra.Command, args []string) error {
			code, err := Init(args)
			if err == nil && code != 0 {
				os.Exit(code)
			}
			return err
		},
	}
}

func echoCommand() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:          daemonName,
		Hidden:       true,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return Echo(ctx, listen)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address to listen on")
	return cmd
}
