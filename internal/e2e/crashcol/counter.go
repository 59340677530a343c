// SPDX-License-Identifier: Apache-2.0

package crashcol

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/homeostat/homeostat/extension/actuator"
)

// The one verb of the counter and the kind of target it acts on.
const (
	counterKind = "counter"
	counterVerb = "counter.add"
)

// counterConfig of the counter actuator.
type counterConfig struct {
	// File gets one line, the operation id, for each effect. A line survives
	// the process: the kernel holds it from the moment write returns.
	File string `mapstructure:"file"`

	// Replay is the class that the verb declares: never, probeable or
	// idempotent.
	Replay string `mapstructure:"replay"`

	// Before and After are how long Execute takes on either side of the
	// effect, so that a kill can fall on both.
	Before time.Duration `mapstructure:"before"`
	After  time.Duration `mapstructure:"after"`
}

var replays = map[string]actuator.Replay{
	actuator.Never.String():      actuator.Never,
	actuator.Probeable.String():  actuator.Probeable,
	actuator.Idempotent.String(): actuator.Idempotent,
}

// Validate reports what is wrong in terms of the YAML keys.
func (c *counterConfig) Validate() error {
	if c.File == "" {
		return errors.New("file must not be empty: name the file that effects are counted in")
	}
	if _, known := replays[c.Replay]; !known {
		return fmt.Errorf("replay must be never, probeable or idempotent (got %q)", c.Replay)
	}
	return nil
}

func newCounterFactory() extension.Factory {
	return extension.NewFactory(
		component.MustNewType("counter"),
		func() component.Config { return &counterConfig{Replay: actuator.Never.String()} },
		func(_ context.Context, _ extension.Settings, cfg component.Config) (extension.Extension, error) {
			c := cfg.(*counterConfig)
			return &counter{cfg: c, replay: replays[c.Replay]}, nil
		},
		component.StabilityLevelDevelopment,
	)
}

// counter implements actuator.Actuator by hand and remembers nothing: whether
// an effect happens twice is then the engine's doing alone.
type counter struct {
	cfg    *counterConfig
	replay actuator.Replay
}

var _ actuator.Actuator = (*counter)(nil)

func (c *counter) Start(context.Context, component.Host) error { return nil }
func (c *counter) Shutdown(context.Context) error              { return nil }

func (c *counter) Specs() []actuator.Spec {
	return []actuator.Spec{{
		Verb:        counterVerb,
		Summary:     "Adds a line to a file.",
		TargetKind:  counterKind,
		Impact:      actuator.Restart,
		Replay:      c.replay,
		MaxDuration: time.Minute,
	}}
}

func (c *counter) Plan(_ context.Context, req actuator.Request) (actuator.Preview, error) {
	if req.Verb != counterVerb {
		return actuator.Preview{}, fmt.Errorf("%w: %q", actuator.ErrUnknownVerb, req.Verb)
	}
	return actuator.Preview{
		Identity:     actuator.Identity{"file": c.cfg.File},
		Target:       "the counter " + c.cfg.File,
		Effects:      []string{"adds a line"},
		Contribution: -1,
	}, nil
}

func (c *counter) Execute(ctx context.Context, req actuator.Request) (actuator.Result, error) {
	if err := wait(ctx, c.cfg.Before); err != nil {
		return actuator.Result{Outcome: actuator.NotApplied}, err
	}
	if err := c.add(req.Operation); err != nil {
		return actuator.Result{Outcome: actuator.Unknown}, err
	}
	// From here on the effect has happened, whatever comes of the wait.
	err := wait(ctx, c.cfg.After)
	return actuator.Result{Outcome: actuator.Applied, Detail: "added a line"}, err
}

func (c *counter) add(operation string) (err error) {
	f, err := os.OpenFile(c.cfg.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.WriteString(operation + "\n")
	return err
}

func (c *counter) Probe(_ context.Context, req actuator.Request) (actuator.Outcome, error) {
	operations, err := effects(c.cfg.File)
	if err != nil {
		return actuator.Unknown, err
	}
	if slices.Contains(operations, req.Operation) {
		return actuator.Applied, nil
	}
	return actuator.NotApplied, nil
}

func (c *counter) Undo(context.Context, actuator.Request, actuator.Result) (actuator.Result, error) {
	return actuator.Result{Outcome: actuator.Refused}, actuator.ErrIrreversible
}

// effects lists the operation ids of all effects so far, oldest first.
func effects(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return strings.Fields(string(text)), err
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
