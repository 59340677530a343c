// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"
)

// Options of a run.
type Options struct {
	Binary string    // path of otelcol-homeostat
	Dir    string    // folder to work in; what the Collector exported stays there
	Out    io.Writer // the timeline is written here
}

// Report is what a run showed. Times count from the injection of the fault.
type Report struct {
	Observed []Observed
	Repairs  []Repair
}

// Observed is a fault in observe mode.
type Observed struct {
	Fault string
	Would string // what would have been done, in the engine's words
}

// Repair is a fault in auto mode.
type Repair struct {
	Fault     string
	Incident  string
	Detected  time.Duration // the incident was opened
	Acted     time.Duration // the action that helped was executed
	Recovered time.Duration // seen from outside the Collector
	Verified  time.Duration // the engine resolved the incident
	Actions   []string      // what was executed, in order
	Evidence  string
}

// How long the demo waits for one fault. Observe mode has to see as much as
// auto mode does before its first action.
const patience = 90 * time.Second

// Run breaks the host and lets the Collector repair it, in namespaces that
// Isolate made. The report is complete only when the error is nil.
func Run(ctx context.Context, o Options) (report Report, err error) {
	w, err := newWorkspace(o.Dir)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	say := newTimeline(o.Out)

	say.chapter("Observe: three faults, and nothing may be touched")
	if report.Observed, err = observe(ctx, o.Binary, w, say); err != nil {
		return report, fmt.Errorf("observe mode: %w", err)
	}
	say.chapter("Auto: the same faults, repaired and proven")
	if report.Repairs, err = repair(ctx, o.Binary, w, say); err != nil {
		return report, fmt.Errorf("auto mode: %w", err)
	}
	say.table(report)
	return report, nil
}

// observe injects every fault at once, waits until the engine has said what
// it would do about each, and makes sure that it did nothing.
func observe(ctx context.Context, binary string, w *workspace, say *timeline) (seen []Observed, err error) {
	all := faults(w)
	defer func() { err = errors.Join(err, healAll(all)) }()
	c, err := begin(ctx, binary, "observe", w, all, say)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()

	for _, f := range all {
		if _, err := breakNow(ctx, f, say); err != nil {
			return nil, fmt.Errorf("%s: %w", f.title(), err)
		}
	}
	log := &decisions{path: decisionsPath(w, "observe")}
	would := map[string]string{}
	deadline, cancel := context.WithTimeoutCause(ctx, patience, errors.New("the engine did not say what it would do about every fault"))
	defer cancel()
	err = until(deadline, func() (bool, error) {
		more, err := log.more()
		for _, d := range more {
			say.decision(d)
			switch d.Name {
			case eventWouldExecute:
				if _, known := would[d.Attr(attrFault)]; !known && d.Attr(attrImpact) != "observe" {
					would[d.Attr(attrFault)] = d.Text
				}
			case eventExecuted:
				if d.Attr(attrImpact) != "observe" {
					return false, fmt.Errorf("acted in observe mode: %s", d.Text)
				}
			}
		}
		return len(would) == len(all), err
	})
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		broken, err := f.broken()
		if err != nil {
			return nil, err
		}
		if !broken {
			return nil, fmt.Errorf("%s healed although nothing may be done in observe mode", f.title())
		}
		if err := f.untouched(); err != nil {
			return nil, err
		}
		seen = append(seen, Observed{Fault: f.title(), Would: would[f.class()]})
	}
	say.note("all three faults are still there: observe mode changed nothing")
	return seen, nil
}

// repair injects the faults one after the other and follows each until the
// engine has proven that it is gone.
func repair(ctx context.Context, binary string, w *workspace, say *timeline) (repairs []Repair, err error) {
	all := faults(w)
	defer func() { err = errors.Join(err, healAll(all)) }()
	c, err := begin(ctx, binary, "auto", w, all, say)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()

	log := &decisions{path: decisionsPath(w, "auto")}
	for _, f := range all {
		one, err := follow(ctx, f, log, say)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.title(), err)
		}
		repairs = append(repairs, one)
	}
	return repairs, nil
}

// begin makes what will be broken and starts a Collector that watches it.
func begin(ctx context.Context, binary, mode string, w *workspace, all []fault, say *timeline) (*collector, error) {
	for _, f := range all {
		if err := f.prepare(); err != nil {
			return nil, fmt.Errorf("prepare %s: %w", f.title(), err)
		}
	}
	c, err := startCollector(ctx, binary, mode, w)
	if err != nil {
		return nil, err
	}
	say.event(time.Now(), "start", "the Collector watches in mode "+mode+"; its log: "+c.log)
	return c, nil
}

func healAll(all []fault) error {
	var errs []error
	for _, f := range all {
		errs = append(errs, f.heal())
	}
	return errors.Join(errs...)
}

func decisionsPath(w *workspace, mode string) string {
	return filepath.Join(w.dir, mode, "decisions.jsonl")
}
