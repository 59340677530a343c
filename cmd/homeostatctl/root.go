// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/console"
)

const about = `Shows what a running Homeostat sees and does, answers its questions, and stops it.

It talks to the console extension of the Collector. Where that is not on its
default endpoint, name it with --endpoint: http://HOST:PORT, https://HOST:PORT
or unix:///PATH/TO/SOCKET.

Exit codes:
  0  done
  1  the engine could not do it, or what answers is no console
  2  the command line is wrong
  3  no console answers
  4  no such incident
  5  the question has changed, was answered or has expired
  6  not authenticated, or not allowed
  7  not confirmed`

// options are the flags of every command that talks to a console.
type options struct {
	endpoint  string
	token     string
	tokenFile string
	output    string
	timeout   time.Duration
}

// newRoot is the command line. A command is one constructor in a file of its
// own, and a line in this list.
func newRoot() *cobra.Command {
	o := &options{}
	root := &cobra.Command{
		Use:           "homeostatctl",
		Short:         "Operate a running Homeostat",
		Long:          about,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&o.endpoint, "endpoint", console.DefaultEndpoint, "the console: http://HOST:PORT, https://HOST:PORT or unix:///PATH")
	flags.StringVar(&o.token, "token", "", "bearer token; other users can see it in the process list, prefer --token-file")
	flags.StringVar(&o.tokenFile, "token-file", "", "file that holds the bearer token")
	flags.StringVarP(&o.output, "output", "o", outputTable, "table or json")
	flags.DurationVar(&o.timeout, "timeout", 15*time.Second, "give up after this long")
	root.MarkFlagsMutuallyExclusive("token", "token-file")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(
		newStatus(o),
		newIncidents(o),
		newShow(o),
		newApprove(o),
		newDeny(o),
		newStop(o),
		newResume(o),
		newDemo(),
		newVersion(o),
	)
	return root
}

// client makes the client that the flags ask for.
func (o *options) client() (*console.Client, error) {
	if o.output != outputTable && o.output != outputJSON {
		return nil, usageError{fmt.Errorf("--output must be %s or %s (got %q)", outputTable, outputJSON, o.output)}
	}
	if o.timeout <= 0 {
		return nil, usageError{fmt.Errorf("--timeout must be more than 0s (got %s)", o.timeout)}
	}
	token := o.token
	if o.tokenFile != "" {
		content, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return nil, usageError{fmt.Errorf("--token-file: %w", err)}
		}
		if token = strings.TrimSpace(string(content)); token == "" {
			return nil, usageError{fmt.Errorf("--token-file: %s is empty", o.tokenFile)}
		}
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, usageError{errors.New("the token must be printable ASCII without spaces")}
	}
	c, err := console.NewClient(o.endpoint, token)
	if err != nil {
		return nil, usageError{fmt.Errorf("--endpoint: %w", err)}
	}
	return c, nil
}

// exactly is cobra.ExactArgs with words that help.
func exactly(what ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(what) {
			return nil
		}
		if len(what) == 0 {
			return usageError{fmt.Errorf("%s takes no arguments (got %q)", cmd.CommandPath(), args)}
		}
		return usageError{fmt.Errorf("%s takes %s (got %d arguments); see %s --help", cmd.CommandPath(), strings.Join(what, " and "), len(args), cmd.CommandPath())}
	}
}
