// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// fault breaks one thing for real and can tell, without asking the Collector,
// whether it is still broken.
type fault interface {
	// title is what people call it.
	title() string
	// class is the fault class that the rule names: incident.fault.
	class() string
	// prepare makes what will be broken, in working order.
	prepare() error
	// inject breaks it.
	inject() error
	// broken reports whether it is broken now.
	broken() (bool, error)
	// evidence says in a few words what shows that it works.
	evidence() string
	// untouched errs when something near the fault changed that nobody may touch.
	untouched() error
	// heal mends it by hand, after observe mode has been shown.
	heal() error
}

// breakNow injects a fault and waits until it can be seen from outside.
func breakNow(ctx context.Context, f fault, say *timeline) (injected time.Time, err error) {
	injected = time.Now()
	if err := f.inject(); err != nil {
		return injected, fmt.Errorf("inject: %w", err)
	}
	say.event(injected, "inject", f.title())
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("the injected fault cannot be seen"))
	defer cancel()
	return injected, until(ctx, f.broken)
}

// faults are the demo's faults in the order in which they are told.
func faults(w *workspace) []fault {
	return []fault{&runaway{}, &service{workspace: w}, &disk{mountpoint: w.scratch}}
}
