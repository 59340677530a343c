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
	fmt.Fprintf(t.out, "  %7.2f s  %-10s %s\n", at.Sub(t.start).Seconds(), what, text)
}

// decision prints an exported record under the last word of its event name.
func (t *timeline) decision(d Decision) {
	what := d.Name[strings.LastIndexByte(d.Name, '.')+1:]
	t.event(d.Time, what, d.Text)
}

func (t *timeline) table(r Report) {
	t.chapter("Result")
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  FAULT\tIN OBSERVE MODE\tDETECTED AFTER\tACTED AFTER\tRECOVERED AFTER\tPROVEN AFTER\tACTIONS\tEVIDENCE")
	for i, repair := range r.Repairs {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", repair.Fault, "untouched: "+r.Observed[i].Would,
			seconds(repair.Detected), seconds(repair.Acted), seconds(repair.Recovered), seconds(repair.Verified),
			strings.Join(repair.Actions, ", "), repair.Evidence)
	}
	_ = w.Flush() // a writer that fails has failed above already
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
