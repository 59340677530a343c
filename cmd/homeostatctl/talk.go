// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/console"
)

// printer is where and how a command tells what it found.
type printer struct {
	out  io.Writer
	json bool
	in   io.Reader
}

// talk makes a command out of what it says to the console.
func (o *options) talk(say func(context.Context, *console.Client, printer) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		client, err := o.client()
		if err != nil {
			return err
		}
		defer client.Close()
		// Each request is bounded, not the whole: people may take their time
		// to confirm.
		client.SetTimeout(o.timeout)
		return say(cmd.Context(), client, printer{out: cmd.OutOrStdout(), json: o.output == outputJSON, in: cmd.InOrStdin()})
	}
}

// talkAbout is talk for a command that takes the id of an incident.
func (o *options) talkAbout(say func(ctx context.Context, c *console.Client, p printer, id string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return o.talk(func(ctx context.Context, c *console.Client, p printer) error {
			return say(ctx, c, p, args[0])
		})(cmd, args)
	}
}
