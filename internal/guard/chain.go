// SPDX-License-Identifier: Apache-2.0

package guard

// Chain is the order in which guards are asked, cheap and certain ones first.
// The first one that does not say Go decides, and its reason is journalled.
// Those that are Armed do not speak in a rehearsal, where the question is
// what would be done if there were authority.
var Chain = []Guard{
	{Name: "stop", Ask: stop, Armed: true},         // a person's hand on the switch outranks everything
	{Name: NameMode, Ask: mode, Armed: true},       // never more authority than plan, engine and policy give
	{Name: "journal", Ask: storage, Armed: true},   // intent and budget must be durable before the act
	{Name: "origin", Ask: origin},                  // evidence about another host triggers nothing here
	{Name: "freshness", Ask: freshness},            // young, just received, newer than the last action
	{Name: "confirmation", Ask: confirmation},      // k of n, for long enough
	{Name: "corroboration", Ask: corroboration},    // statistics alone may not restart anything
	{Name: "warm-up", Ask: warmUp},                 // after start and boot everything looks unusual
	{Name: "backoff", Ask: backoff},                // attempts of a step keep their distance
	{Name: "attempts", Ask: attempts},              // per step and per incident
	{Name: "in-flight", Ask: inFlight},             // one action per target at a time
	{Name: "cool-down", Ask: coolDown},             // a target that was just repaired is left alone
	{Name: "target-budget", Ask: targetBudget},     // per target and day
	{Name: "host-budget", Ask: hostBudget},         // per host and hour
	{Name: "capacity", Ask: capacity},              // a worker is free: what is reserved is dispatched at once
	{Name: "preview", Ask: preview},                // who exactly, and is anything in the way
	{Name: "same-in-flight", Ask: sameInFlight},    // and whom the actuator found is asked for once more,
	{Name: "same-freshness", Ask: sameQuiet},       // in case that another incident knows it
	{Name: "same-cool-down", Ask: sameCoolDown},    // by another key
	{Name: "same-budget", Ask: sameBudget},         // and has acted on it
	{Name: "contribution", Ask: contribution},      // a chosen victim must be part of the symptom
	{Name: "approval", Ask: approval, Armed: true}, // of exactly this, by a person, once
}

// NameMode is the guard that withholds an action for want of authority.
const NameMode = "mode"

// Decide asks the chain. Steps that change nothing pass the guards that are
// about change.
func Decide(in Input) Verdict {
	for _, g := range Chain {
		if g.Armed && in.Rehearse {
			continue
		}
		if v := g.Ask(in); v.Say != Go {
			v.Guard = g.Name
			return v
		}
	}
	return Verdict{Say: Go}
}
