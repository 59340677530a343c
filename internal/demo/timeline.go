// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// timeline tells the run to a person, one event a line, with seconds since
// its start.
type timeline struct {
	out   io.Writer
	start time.Time
}

func newTimeline(out io.Writer) *timeline { return &timeline{out: out, start: time.Now()} }

func (t *timeline) chapter(title string) { fmt.Fprintf(t.out, "\n%s\n", title) }

func (t *timeline) note(text string) { fmt.Fprintf(t.out, "            %s\n", text) }

func (t *timeline) event(at time.Time, what, text string) {
	fmt.Fprintf(t.out, "  %7.2f s  %-22s %s\n", at.Sub(t.start).Seconds(), what, text)
}

// decision prints an exported record under its event name.
func (t *timeline) decision(d Decision) {
	t.event(d.Time, strings.TrimPrefix(d.Name, "remediation."), d.Text)
}

func (t *timeline) table(r Report) {
	t.chapter("In observe mode nothing was touched, and this was said")
	for _, one := range r.Observed {
		fmt.Fprintf(t.out, "  %s: %s\n", one.Fault, one.Would)
	}
	t.chapter("In auto mode each was repaired, and the repair proven on newer data")
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  FAULT\tDETECTED AFTER\tACTED AFTER\tRECOVERED AFTER\tPROVEN AFTER\tEVIDENCE\tACTIONS")
	for _, one := range r.Repairs {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n", one.Fault, seconds(one.Detected), seconds(one.Acted),
			seconds(one.Recovered), seconds(one.Verified), one.Evidence, strings.Join(one.Actions, ", "))
	}
	_ = w.Flush() // a writer that fails has failed above already
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
