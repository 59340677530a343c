// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/console"
	"github.com/homeostat/homeostat/internal/operate"
)

func newIncidents(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "incidents",
		Short: "List live and recently closed incidents, newest first",
		Args:  exactly(),
		RunE: o.talk(func(ctx context.Context, c *console.Client, p printer) error {
			incidents, err := c.Incidents(ctx)
			if err != nil {
				return err
			}
			if p.json {
				return printJSON(p.out, console.IncidentList{Incidents: incidents})
			}
			if len(incidents) == 0 {
				_, err := fmt.Fprintln(p.out, "No incidents.")
				return err
			}
			return table(p.out, incidentRows(incidents)...)
		}),
	}
}

func incidentRows(incidents []operate.Incident) [][]string {
	rows := [][]string{{"ID", "STATE", "SEVERITY", "FAULT", "TARGET", "PLAN", "OPENED"}}
	for _, in := range incidents {
		rows = append(rows, []string{
			clean(in.ID), cell(in.State), cell(in.Severity), cell(in.Fault), cell(in.Target), cell(in.Plan), when(in.Opened),
		})
	}
	return rows
}
