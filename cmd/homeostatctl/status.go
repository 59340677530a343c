// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/console"
	"github.com/homeostat/homeostat/internal/operate"
)

func newStatus(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show mode, stop switch, plans, actuators and counts",
		Args:  exactly(),
		RunE: o.talk(func(ctx context.Context, c *console.Client, p printer) error {
			status, err := c.Status(ctx)
			if err != nil {
				return err
			}
			if p.json {
				return printJSON(p.out, status)
			}
			return table(p.out, statusRows(status)...)
		}),
	}
}

func statusRows(s operate.Status) [][]string {
	mode := cell(s.Mode)
	if s.Effective != s.Mode {
		mode = fmt.Sprintf("%s, held at %s: %s", mode, cell(s.Effective), clean(s.Why))
	}
	stop := "released"
	if s.Stopped {
		stop = "thrown: nothing is executed"
	}
	rows := [][]string{
		{"mode", mode},
		{"stop switch", stop},
		{"plans", list(s.Plans)},
		{"actuators", list(s.Actuators)},
		{"started", when(s.Started)},
	}
	if len(s.Incidents) == 0 {
		return append(rows, []string{"incidents", "none"})
	}
	label := "incidents"
	for _, state := range slices.Sorted(maps.Keys(s.Incidents)) {
		rows = append(rows, []string{label, fmt.Sprintf("%d %s", s.Incidents[state], cell(state))})
		label = ""
	}
	return rows
}

func list(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	cleaned := make([]string, len(texts))
	for i, text := range texts {
		cleaned[i] = cell(text)
	}
	return strings.Join(cleaned, ", ")
}
