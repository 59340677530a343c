// SPDX-License-Identifier: Apache-2.0

// Package actuatortest is the conformance suite of the actuator contract. An
// actuator that passes Run can be trusted by the engine: it declares what it
// does, plans without touching anything, refuses a target that is no longer
// the one planned for, acts once, and tells the truth about it afterwards.
package actuatortest

import (
	"testing"

	"github.com/homeostat/homeostat/extension/actuator"
)

// Harness tells the suite how to make the actuator under test.
type Harness struct {
	// Prefix begins the name of each verb, without the dot: "systemd".
	Prefix string

	// New returns a started actuator and shuts it down when the test ends.
	// Calling it again stands for the collector after a restart: the new
	// instance shares nothing with earlier ones but what they left outside
	// the process.
	New func(t *testing.T) actuator.Actuator

	// Cases give each verb at least one real target.
	Cases []Case
}

// Case is one verb in one situation in which it works.
type Case struct {
	Name  string
	Verb  string
	Setup func(t *testing.T) Subject // a fresh target each time
}

// Subject is a target made for one test.
type Subject struct {
	Target actuator.Target
	Params actuator.Params

	// State describes all that the verb could change, after letting changes
	// under way come to rest. Equal texts mean that nothing happened.
	State func() string

	// Replace puts another incarnation in the target's place, under the same
	// name. Nil where a target cannot have two.
	Replace func()

	// Interfere changes what the verb sets, as somebody else would. Needed
	// for verbs that are Reversible.
	Interfere func()
}

// Run puts an actuator through the whole suite.
func Run(t *testing.T, h Harness) {
	t.Run("specs", func(t *testing.T) { checkSpecs(t, h) })
	for _, c := range h.Cases {
		t.Run(c.Name, func(t *testing.T) {
			for _, check := range checks {
				t.Run(check.name, func(t *testing.T) { check.run(t, h, c) })
			}
		})
	}
}

// checks in the order in which a failure says most.
var checks = []struct {
	name string
	run  func(t *testing.T, h Harness, c Case)
}{
	{"plan has no side effect", planOnlyLooks},
	{"what was not declared is refused", refusesUndeclared},
	{"cancelled call returns at once", returnsWhenCancelled},
	{"changed identity is refused", refusesChangedIdentity},
	{"one operation has one effect", actsOnce},
	{"probe tells the truth after a crash", probesTruly},
	{"undo takes back only what was done", undoesItsOwn},
	{"arbitrary requests do nothing", survivesFuzzing},
}
