// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/console"
)

func newStop(o *options) *cobra.Command {
	return newSwitch(o, true, "stop", "Throw the stop switch: nothing is executed any more",
		"Stopped: nothing is executed until homeostatctl resume. Detection goes on.")
}

func newResume(o *options) *cobra.Command {
	return newSwitch(o, false, "resume", "Release the stop switch", "Resumed.")
}

func newSwitch(o *options, on bool, name, short, said string) *cobra.Command {
	var comment string
	cmd := &cobra.Command{
		Use:   name,
		Short: short,
		Args:  exactly(),
		RunE: o.talk(func(ctx context.Context, c *console.Client, p printer) error {
			if err := c.SetStop(ctx, console.StopBody{On: on, Comment: comment}); err != nil {
				return err
			}
			return done(p, said, map[string]any{"stopped": on})
		}),
	}
	cmd.Flags().StringVar(&comment, "comment", "", "why; it becomes part of the audit trail")
	return cmd
}
