// SPDX-License-Identifier: Apache-2.0

package incident

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var target = actuator.Target{Kind: actuator.KindService, Key: "host1/web", Attr: map[string]string{"service": "web"}}

func firing(n int, at time.Time) Point {
	return Point{Series: series.Key{Lo: uint64(n + 1)}, State: finding.Firing, Metric: "m", Severity: finding.Warning, Time: at, Received: at, Score: 3}
}

func opening(at time.Time) Event {
	return Open(target, "host1", "service_down", "p", "d", firing(0, at), at)
}

func bounds(attempts ...int) *Plan {
	p := &Plan{MaxActions: 3}
	for i, n := range attempts {
		p.Steps = append(p.Steps, Step{ID: fmt.Sprintf("s%d", i), Attempts: n, Backoff: Backoff{Initial: time.Second, Factor: 2, Max: time.Minute}})
	}
	return p
}

// scribe folds events one second apart.
type scribe struct {
	t   *testing.T
	in  Incident
	now time.Time
}

func open(t *testing.T) *scribe {
	t.Helper()
	in, err := Incident{}.Step(opening(start), start)
	require.NoError(t, err)
	return &scribe{t: t, in: in, now: start}
}

func (s *scribe) try(ev Event) error {
	s.now = s.now.Add(time.Second)
	ev.Incident, ev.Time = s.in.ID, s.now
	next, err := s.in.Step(ev, s.now)
	if err == nil {
		s.in = next
	}
	return err
}

func (s *scribe) do(evs ...Event) *scribe {
	s.t.Helper()
	for _, ev := range evs {
		require.NoError(s.t, s.try(ev), "%s in %s", ev.Kind, s.in.State)
	}
	return s
}

func intent(step string, attempt int, impact actuator.Impact) Event {
	return Event{Kind: KindIntended, Intent: &Intent{
		Request: actuator.Request{Operation: fmt.Sprintf("%s-%d", step, attempt), Verb: "x.do"}, Impact: impact,
		Step: step, Attempt: attempt, Settle: 2 * time.Second, Deadline: 30 * time.Second,
	}}
}

func outcome(o actuator.Outcome) Event {
	return Event{Kind: KindOutcome, Result: &Result{Done: actuator.Result{Outcome: o}}}
}

var planned = []Event{{Kind: KindConfirmed}, {Kind: KindPlanned, Plan: bounds(2, 1)}}

func TestALifeFromDetectionToCooldown(t *testing.T) {
	s := open(t).do(planned...).do(intent("s0", 1, actuator.Restart), Event{Kind: KindDispatched}, outcome(actuator.Applied))
	require.Equal(t, Settling, s.in.State)
	require.Equal(t, s.now.Add(2*time.Second), s.in.Floor)
	require.ErrorIs(t, s.try(Event{Kind: KindSettled}), ErrOrder, "the settling time has not passed")
	s.do(Event{Kind: KindSettled}, Event{Kind: KindVerdict, Verdict: Passed}, Event{Kind: KindCooling, Until: s.now.Add(time.Hour)})
	require.Equal(t, Cooldown, s.in.State)
	require.Equal(t, Resolved, s.in.Outcome)
	require.Equal(t, 1, s.in.Actions)
}

func TestWhatMustNotFollow(t *testing.T) {
	reserved := append(append([]Event{}, planned...), intent("s0", 1, actuator.Restart))
	executing := append(append([]Event{}, reserved...), Event{Kind: KindDispatched})
	asked := append(append([]Event{}, planned...), Event{Kind: KindAsked, Question: &Question{Digest: "d1"}})
	for name, c := range map[string]struct {
		before []Event
		ev     Event
	}{
		"dispatch without a reservation":         {planned, Event{Kind: KindDispatched}},
		"outcome without a dispatch":             {planned, outcome(actuator.Applied)},
		"second attempt first":                   {planned, intent("s0", 2, actuator.Restart)},
		"a later step first":                     {planned, intent("s1", 1, actuator.Restart)},
		"intent without an operation":            {planned, Event{Kind: KindIntended, Intent: &Intent{Step: "s0", Attempt: 1}}},
		"consent that nobody gave":               {planned, Event{Kind: KindIntended, Intent: &Intent{Request: actuator.Request{Operation: "o"}, Step: "s0", Attempt: 1, Consent: "x"}}},
		"two reservations":                       {reserved, intent("s0", 1, actuator.Restart)},
		"escalation during execution":            {executing, Event{Kind: KindEscalated}},
		"closing during execution":               {executing, Event{Kind: KindClosed, Close: Forgotten}},
		"closing as resolved without a verdict":  {planned, Event{Kind: KindClosed, Close: Resolved}},
		"an answer to no question":               {planned, Event{Kind: KindAnswered, Answer: &Answer{Digest: "d1", Approve: true}}},
		"an answer to another question":          {asked, Event{Kind: KindAnswered, Answer: &Answer{Digest: "d2", Approve: true}}},
		"action while a question is open":        {asked, intent("s0", 1, actuator.Restart)},
		"a question without a digest":            {planned, Event{Kind: KindAsked, Question: &Question{}}},
		"repetition of a verb that is not safe":  {append(append([]Event{}, executing...), outcome(actuator.Unknown)), Event{Kind: KindRepeated}},
		"a verdict that is none":                 {append(append([]Event{}, executing...), outcome(actuator.Applied), Event{Kind: KindHeld}), Event{Kind: KindVerdict, Verdict: "fine"}},
		"a second plan":                          {planned, Event{Kind: KindPlanned, Plan: bounds(9)}},
		"a plan without steps":                   {planned[:1], Event{Kind: KindPlanned, Plan: &Plan{}}},
		"cool-down of what is not resolved":      {planned, Event{Kind: KindCooling}},
		"an unknown kind":                        {planned, Event{Kind: "miracle"}},
		"the same would-be action twice":         {append(append([]Event{}, planned...), Event{Kind: KindWould, Step: "s0"}), Event{Kind: KindWould, Step: "s0"}},
		"an event of another incident (opening)": {planned, opening(start)},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			for _, ev := range c.before {
				_ = s.try(ev) // some paths hold on purpose
			}
			before := s.in
			require.ErrorIs(t, s.try(c.ev), ErrOrder)
			require.Equal(t, before, s.in)
		})
	}
}

func TestAttemptsThenTheNextStep(t *testing.T) {
	s := open(t).do(planned...)
	s.do(intent("s0", 1, actuator.Restart), outcome(actuator.Refused))
	require.Equal(t, s.now.Add(time.Second), s.in.NotBefore)
	s.do(intent("s0", 2, actuator.Restart), outcome(actuator.NotApplied))
	require.Equal(t, "s1", s.in.StepID())
	require.Zero(t, s.in.NotBefore, "the next step need not wait")
	s.do(intent("s1", 1, actuator.Restart), outcome(actuator.Refused))
	require.Equal(t, 2, s.in.Next)
	require.Equal(t, 3, s.in.Actions)
}

func TestObservationNeverSpendsAnAction(t *testing.T) {
	for _, o := range []actuator.Outcome{actuator.Applied, actuator.Unknown, actuator.Refused} {
		s := open(t).do(planned...).do(intent("s0", 1, actuator.Observe), Event{Kind: KindDispatched}, outcome(o))
		require.Equal(t, Planned, s.in.State)
		require.Equal(t, 1, s.in.Next)
		require.Zero(t, s.in.Actions)
	}
}

func TestAnUnknownOutcomeThatFailsVerificationIsNeverTriedAgain(t *testing.T) {
	s := open(t).do(planned...).do(intent("s0", 1, actuator.Restart), Event{Kind: KindDispatched}, outcome(actuator.Unknown), Event{Kind: KindAssumed})
	require.True(t, s.in.Doubt)
	require.ErrorIs(t, s.try(Event{Kind: KindSettled}), ErrOrder)
	s.do(Event{Kind: KindSettled}, Event{Kind: KindVerdict, Verdict: Failed})
	require.Equal(t, Escalated, s.in.State)
}

func TestConsentIsUsedOnce(t *testing.T) {
	s := open(t).do(planned...).do(Event{Kind: KindAsked, Question: &Question{Digest: "d1"}}, Event{Kind: KindAnswered, Answer: &Answer{Digest: "d1", Approve: true, By: "ann"}})
	require.ErrorIs(t, s.try(Event{Kind: KindAnswered, Answer: &Answer{Digest: "d1", Approve: true}}), ErrOrder)
	ev := intent("s0", 1, actuator.Restart)
	ev.Intent.Consent = "d1"
	s.do(ev, outcome(actuator.Refused))
	require.Empty(t, s.in.Consent)
	again := intent("s0", 2, actuator.Restart)
	again.Intent.Consent = "d1"
	require.ErrorIs(t, s.try(again), ErrOrder)
}

func TestHistoryIsBounded(t *testing.T) {
	s := open(t).do(planned...)
	for i := range 500 {
		s.do(Event{Kind: KindHeld, Reason: fmt.Sprint(i)})
	}
	require.Len(t, s.in.History, maxHistory)
	require.Equal(t, KindOpened, s.in.History[0].Kind)
	require.Equal(t, "499", s.in.History[maxHistory-1].Text)
}

// TestInvariants throws random events at incidents and checks after each one
// what must always hold.
func TestInvariants(t *testing.T) {
	kinds := make([]Kind, 0, len(folds))
	for _, kind := range []Kind{
		KindEvidence, KindCheck, KindConfirmed, KindPlanned, KindHeld, KindWould, KindAsked, KindAnswered, KindIntended, KindDispatched,
		KindOutcome, KindRepeated, KindAssumed, KindSettled, KindVerdict, KindCooling, KindEscalated, KindClosed,
	} {
		require.Contains(t, folds, kind)
		kinds = append(kinds, kind)
	}
	require.Len(t, folds, len(kinds))
	rapid.Check(t, func(rt *rapid.T) {
		in, err := Incident{}.Step(opening(start), start)
		require.NoError(rt, err)
		log, now := []Event{opening(start)}, start
		closedAs, dispatches, reservations := State(""), 0, 0
		for range rapid.IntRange(1, 60).Draw(rt, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "seconds")) * time.Second)
			ev := randomEvent(rt, kinds, in, now)
			before, frozen := in, encode(rt, in)
			next, err := in.Step(ev, now)
			require.Equal(rt, frozen, encode(rt, before), "Step must not write into what it was given")
			if err != nil {
				require.ErrorIs(rt, err, ErrOrder)
				require.Equal(rt, before, next)
				continue
			}
			in, log = next, append(log, ev)
			if ev.Kind == KindIntended {
				reservations++
			}
			if ev.Kind == KindDispatched {
				dispatches++
			}
			require.LessOrEqual(rt, dispatches, reservations, "executed without a reserved intent")
			require.LessOrEqual(rt, in.Actions, max(in.Plan.MaxActions, 0))
			require.LessOrEqual(rt, in.Repeats, maxRepeats)
			if in.Next < len(in.Plan.Steps) {
				require.LessOrEqual(rt, in.Attempt, in.Plan.Steps[in.Next].Attempts)
			}
			if closedAs != "" {
				require.Equal(rt, closedAs, in.Outcome, "it ended twice")
			}
			if in.State.Closed() {
				closedAs = in.Outcome
				require.NotEmpty(rt, closedAs)
			}
			require.LessOrEqual(rt, len(in.Evidence), MaxSeries)
		}
		var replayed Incident
		for _, ev := range log {
			var stored Event
			data, err := json.Marshal(ev)
			require.NoError(rt, err)
			require.NoError(rt, json.Unmarshal(data, &stored))
			replayed, err = replayed.Step(stored, ev.Time)
			require.NoError(rt, err)
		}
		require.JSONEq(rt, encode(rt, in), encode(rt, replayed), "a replay must give the same incident")
	})
}

func encode(rt *rapid.T, in Incident) string {
	data, err := json.Marshal(in)
	require.NoError(rt, err)
	return string(data)
}

func randomEvent(rt *rapid.T, kinds []Kind, in Incident, now time.Time) Event {
	ev := Event{Kind: rapid.SampledFrom(kinds).Draw(rt, "kind"), Incident: in.ID, Time: now, Reason: "r"}
	switch ev.Kind {
	case KindEvidence:
		p := firing(rapid.IntRange(0, 40).Draw(rt, "series"), now)
		p.State = rapid.SampledFrom([]finding.State{finding.Firing, finding.Pending, finding.Normal, finding.Resolved, finding.Unknown}).Draw(rt, "state")
		ev.Point = &p
	case KindCheck:
		ev.Check = &Check{Name: "gone", Seen: rapid.SampledFrom([]Verdict{Passed, Failed, Inconclusive}).Draw(rt, "seen"), Time: now}
	case KindPlanned:
		ev.Plan = bounds(rapid.SliceOfN(rapid.IntRange(1, 3), 0, 4).Draw(rt, "attempts")...)
	case KindWould:
		ev.Step = in.StepID()
	case KindAsked:
		ev.Question = &Question{Digest: rapid.SampledFrom([]string{"", "d1", "d2"}).Draw(rt, "digest")}
	case KindAnswered:
		ev.Answer = &Answer{Digest: rapid.SampledFrom([]string{"d1", "d2"}).Draw(rt, "answered"), Approve: rapid.Bool().Draw(rt, "approve")}
	case KindIntended:
		// Mostly what would be right, so that lives get long.
		impact := rapid.SampledFrom([]actuator.Impact{actuator.Observe, actuator.Adjust, actuator.Restart}).Draw(rt, "impact")
		ev.Intent = intent(in.StepID(), in.Attempt+rapid.SampledFrom([]int{1, 1, 1, 0, 2}).Draw(rt, "attempt"), impact).Intent
		ev.Intent.Replay = rapid.SampledFrom([]actuator.Replay{actuator.Never, actuator.Idempotent}).Draw(rt, "replay")
		ev.Intent.Consent = in.Consent
	case KindOutcome:
		ev.Result = outcome(rapid.SampledFrom([]actuator.Outcome{actuator.Applied, actuator.NotApplied, actuator.Refused, actuator.Unknown, ""}).Draw(rt, "outcome")).Result
	case KindVerdict:
		ev.Verdict = rapid.SampledFrom([]Verdict{Passed, Failed, Inconclusive, ""}).Draw(rt, "verdict")
	case KindCooling:
		ev.Until = now.Add(time.Minute)
	case KindClosed:
		ev.Close = rapid.SampledFrom([]State{ResolvedExternally, Forgotten, Resolved}).Draw(rt, "close")
	default: // the kind says it all
	}
	return ev
}
