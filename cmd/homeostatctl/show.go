// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/console"
	"github.com/homeostat/homeostat/internal/operate"
)

func newShow(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show one incident: its story, and its open question",
		Args:  exactly("the id of an incident"),
		RunE: o.talkAbout(func(ctx context.Context, c *console.Client, p printer, id string) error {
			incident, err := c.Incident(ctx, id)
			if err != nil {
				return err
			}
			if p.json {
				return printJSON(p.out, incident)
			}
			return printIncident(p.out, incident)
		}),
	}
}

func printIncident(w io.Writer, in operate.Incident) error {
	err := table(w,
		[]string{"incident", clean(in.ID)},
		[]string{"state", cell(in.State)},
		[]string{"because", clean(in.Reason)},
		[]string{"fault", clean(in.Fault)},
		[]string{"severity", cell(in.Severity)},
		[]string{"target", clean(in.Target)},
		[]string{"plan", cell(in.Plan)},
		[]string{"step", cell(in.Step)},
		[]string{"opened", when(in.Opened)},
		[]string{"updated", when(in.Updated)},
	)
	if err != nil {
		return err
	}
	if len(in.History) > 0 {
		fmt.Fprintln(w, "\nHistory:")
		rows := make([][]string, len(in.History))
		for i, entry := range in.History {
			rows[i] = []string{"  " + when(entry.Time), cell(entry.Name), clean(entry.Text)}
		}
		if err := table(w, rows...); err != nil {
			return err
		}
	}
	if in.Question == nil {
		return nil
	}
	if err := printQuestion(w, *in.Question); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\nAnswer with: homeostatctl approve|deny %s --digest %s\n", clean(in.ID), clean(in.Question.Digest))
	return err
}

func printQuestion(w io.Writer, q operate.Question) error {
	fmt.Fprintf(w, "\nWaits for an answer until %s:\n  %s\n", when(q.Expires), clean(q.Action))
	for _, line := range q.Preview {
		fmt.Fprintf(w, "  - %s\n", clean(line))
	}
	_, err := fmt.Fprintf(w, "  digest %s\n", clean(q.Digest))
	return err
}
