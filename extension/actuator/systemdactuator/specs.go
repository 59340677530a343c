// SPDX-License-Identifier: Apache-2.0

package systemdactuator

import (
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
)

// The verbs of this actuator.
const (
	verbExplain     = "systemd.explain"
	verbStart       = "systemd.start"
	verbRestart     = "systemd.restart"
	verbReload      = "systemd.reload"
	verbResetFailed = "systemd.reset_failed"
)

// Parameters of the verbs.
const (
	paramLines   = "journal_lines"
	paramTimeout = "timeout"
)

// maxTimeout bounds how long a job may be waited for.
const maxTimeout = 5 * time.Minute

var timeoutParam = actuator.Param{
	Name: paramTimeout, Summary: "how long to wait for systemd to finish the job", Type: actuator.Duration,
	Default: 90 * time.Second, Min: 1, Max: maxTimeout.Seconds(),
}

var specExplain = actuator.Spec{
	Verb:       verbExplain,
	Summary:    "Tells the state of a unit, how its last run ended and what it logged.",
	TargetKind: actuator.KindUnit,
	Impact:     actuator.Observe,
	Replay:     actuator.Idempotent,
	Params: []actuator.Param{{
		Name: paramLines, Summary: "how many journal lines to read at most", Type: actuator.Int,
		Default: int64(20), Min: 0, Max: 500,
	}},
	MaxDuration: 20 * time.Second,
}

var specStart = actuator.Spec{
	Verb:        verbStart,
	Summary:     "Starts a unit and waits for the job.",
	TargetKind:  actuator.KindUnit,
	Impact:      actuator.Restart,
	Replay:      actuator.Probeable,
	Params:      []actuator.Param{timeoutParam},
	MaxDuration: maxTimeout + 15*time.Second,
}

var specRestart = actuator.Spec{
	Verb:        verbRestart,
	Summary:     "Restarts a unit, or starts it when it is not running, and waits for the job.",
	TargetKind:  actuator.KindUnit,
	Impact:      actuator.Restart,
	Replay:      actuator.Probeable,
	Params:      []actuator.Param{timeoutParam},
	MaxDuration: maxTimeout + 15*time.Second,
}

// A reload runs whatever command the unit names and leaves no trace by which
// it could be recognised, hence neither Idempotent nor Probeable.
var specReload = actuator.Spec{
	Verb:        verbReload,
	Summary:     "Asks a running unit to read its configuration again and waits for the job.",
	TargetKind:  actuator.KindUnit,
	Impact:      actuator.Restart,
	Replay:      actuator.Never,
	Params:      []actuator.Param{timeoutParam},
	MaxDuration: maxTimeout + 15*time.Second,
}

// Forgetting a failure lifts the start limit, and nothing can put it back:
// that is more than an adjustment.
var specResetFailed = actuator.Spec{
	Verb:        verbResetFailed,
	Summary:     "Clears the failed state and the start limit of a unit, so that it may be started again.",
	TargetKind:  actuator.KindUnit,
	Impact:      actuator.Restart,
	Replay:      actuator.Idempotent,
	MaxDuration: 20 * time.Second,
}
