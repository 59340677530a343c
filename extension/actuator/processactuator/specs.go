// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"time"

	"github.com/homeostat/homeostat/extension/actuator"
)

// The verbs of this actuator.
const (
	verbExplain = "process.explain"
	verbRenice  = "process.renice"
	verbSignal  = "process.signal"
	verbStart   = "process.start"
	verbStop    = "process.stop"
)

// Parameters of the verbs.
const (
	paramNice  = "nice"
	paramSig   = "signal"
	paramGrace = "grace"
	paramKill  = "kill_after_grace"
)

// maxGrace leaves MaxDuration room for the kill that may follow.
const maxGrace = 60 * time.Second

var specExplain = actuator.Spec{
	Verb:        verbExplain,
	Summary:     "Tells who a process is and what it uses.",
	TargetKind:  actuator.KindProcess,
	Impact:      actuator.Observe,
	Replay:      actuator.Idempotent,
	MaxDuration: 15 * time.Second,
}

var specRenice = actuator.Spec{
	Verb:       verbRenice,
	Summary:    "Sets the CPU priority of all threads of a process.",
	TargetKind: actuator.KindProcess,
	Impact:     actuator.Adjust,
	Replay:     actuator.Idempotent,
	Reversible: true,
	Params: []actuator.Param{{
		Name: paramNice, Summary: "niceness to set: 19 yields to everybody", Type: actuator.Int,
		Default: int64(10), Min: -20, Max: 19,
	}},
	MaxDuration: 15 * time.Second,
}

var specSignal = actuator.Spec{
	Verb:       verbSignal,
	Summary:    "Sends a signal to a process and waits for its end where the signal asks for one.",
	TargetKind: actuator.KindProcess,
	Impact:     actuator.Destroy,
	Replay:     actuator.Probeable,
	Params: []actuator.Param{
		{
			Name: paramSig, Summary: "which signal", Type: actuator.String, Default: "TERM",
			Enum: []string{"TERM", "KILL", "INT", "HUP", "STOP", "CONT"},
		},
		{
			Name: paramGrace, Summary: "how long to wait for the process to end after TERM, INT or KILL", Type: actuator.Duration,
			Default: 10 * time.Second, Min: 0, Max: maxGrace.Seconds(),
		},
		{
			Name: paramKill, Summary: "send KILL when TERM or INT did not end it within the grace", Type: actuator.Bool,
			Default: false,
		},
	},
	MaxDuration: maxGrace + 30*time.Second,
}

var specStart = actuator.Spec{
	Verb:        verbStart,
	Summary:     "Starts a daemon that is named in this actuator's configuration, unless it runs already.",
	TargetKind:  actuator.KindService,
	Impact:      actuator.Restart,
	Replay:      actuator.Probeable,
	MaxDuration: 30 * time.Second,
}

var specStop = actuator.Spec{
	Verb:       verbStop,
	Summary:    "Ends a daemon that is named in this actuator's configuration: TERM, then KILL after the grace.",
	TargetKind: actuator.KindService,
	Impact:     actuator.Destroy,
	Replay:     actuator.Probeable,
	Params: []actuator.Param{{
		Name: paramGrace, Summary: "how long to wait between TERM and KILL", Type: actuator.Duration,
		Default: 10 * time.Second, Min: 0, Max: maxGrace.Seconds(),
	}},
	MaxDuration: maxGrace + 30*time.Second,
}
