// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/guard"
	"github.com/homeostat/homeostat/internal/incident"
	"github.com/homeostat/homeostat/internal/series"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// memory is a Store; fail and hang are what its next writes do.
type memory struct {
	mu   sync.Mutex // guards everything below
	data map[string][]byte
	fail bool
	land bool // a write that fails takes effect nevertheless
	hang chan struct{}
}

func newMemory() *memory { return &memory{data: map[string][]byte{}} }

func (m *memory) Read(_ context.Context, keys ...string) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out [][]byte
	for _, key := range keys {
		out = append(out, m.data[key])
	}
	return out, nil
}

func (m *memory) Write(_ context.Context, changes ...Change) error {
	m.mu.Lock()
	hang := m.hang
	m.mu.Unlock()
	if hang != nil {
		<-hang
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.fail || m.land {
		for _, c := range changes {
			if c.Value == nil {
				delete(m.data, c.Key)
				continue
			}
			m.data[c.Key] = c.Value
		}
	}
	if m.fail {
		return errors.New("no space left on device")
	}
	return nil
}

func (m *memory) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// clerk keeps a book with a journal, as the engine does.
type clerk struct {
	t     require.TestingT
	store *memory
	book  *incident.Book
	state State
	*Journal
	now time.Time
}

func hire(t require.TestingT, store *memory) (*clerk, error) {
	c := &clerk{t: t, store: store, book: incident.NewBook(10_000), now: start}
	j, restored, damage, err := Open(context.Background(), store, Options{Timeout: time.Second, MaxRecords: 100}, func() State {
		s := c.state
		s.Incidents = c.book.List()
		return s
	})
	require.NoError(t, err)
	c.Journal, c.state = j, restored
	c.book.Restore(restored.Incidents)
	return c, damage
}

func (c *clerk) record(name string) []audit.Record {
	return []audit.Record{{Time: c.now, Name: name, Severity: audit.Warn, Body: name, Attributes: map[string]any{"s": "x", "b": true, "i": int64(1) << 60, "f": 0.5}}}
}

func (c *clerk) apply(ev incident.Event) {
	c.now = c.now.Add(time.Second)
	ev.Time = c.now
	_, after, err := c.book.Apply(ev, c.now)
	require.NoError(c.t, err)
	var ledger *guard.Ledger
	if c.state.Ledger.Fold(ev, after) {
		ledger = c.state.Ledger
	}
	c.Add([]incident.Event{ev}, ledger, c.record(string(ev.Kind)))
}

func (c *clerk) open(n int) string {
	ev := incident.Open(actuator.Target{Kind: "service", Key: fmt.Sprintf("host1/%d", n)}, "host1", "down", "p", "d", incident.Point{
		Series: series.Key{Lo: uint64(n + 1)}, State: finding.Firing, Metric: "m", Time: c.now, Received: c.now, Score: 2, Value: incident.Number(math.NaN()),
	}, c.now)
	c.apply(ev)
	c.apply(incident.Event{Kind: incident.KindConfirmed, Incident: ev.Incident})
	c.apply(incident.Event{Kind: incident.KindPlanned, Incident: ev.Incident, Plan: &incident.Plan{MaxActions: 3, Steps: []incident.Step{{ID: "s", Attempts: 2}}}})
	return ev.Incident
}

func (c *clerk) intend(id string) error {
	c.now = c.now.Add(time.Second)
	in, _ := c.book.Get(id)
	ev := incident.Event{Kind: incident.KindIntended, Incident: id, Time: c.now, Intent: &incident.Intent{
		Request: actuator.Request{Operation: fmt.Sprint(id, in.Attempt+1), Verb: "x.do", Target: in.Target, Identity: actuator.Identity{"pid": "1"}, Params: actuator.Params{"nice": int64(3), "wait": time.Second}},
		Impact:  actuator.Restart, Step: "s", Attempt: in.Attempt + 1, Settle: time.Second, Deadline: time.Minute,
	}}
	after, err := c.book.Try(ev, c.now)
	require.NoError(c.t, err)
	ledger := c.state.Ledger.Clone()
	ledger.Fold(ev, after)
	if err := c.Reserve(context.Background(), ev, ledger, c.record("intended")); err != nil {
		return err
	}
	c.state.Ledger = ledger
	_, _, err = c.book.Apply(ev, c.now)
	require.NoError(c.t, err)
	return nil
}

// same compares what is remembered with what is known, as JSON: the order of
// a list and the location of a time mean nothing.
func (c *clerk) same(t require.TestingT, other *clerk) {
	for _, pair := range [][2]any{{c.book.List(), other.book.List()}, {c.state.Ledger, other.state.Ledger}, {c.state.Control, other.state.Control}} {
		want, err := json.Marshal(pair[0])
		require.NoError(t, err)
		got, err := json.Marshal(pair[1])
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got))
	}
}

func (m *memory) copy() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{data: maps.Clone(m.data)}
}

func TestWhatWasWrittenIsRemembered(t *testing.T) {
	c, damage := hire(t, newMemory())
	require.NoError(t, damage)
	id := c.open(0)
	require.NoError(t, c.intend(id))
	c.state.Control = Control{Stopped: true, By: "ann", At: start}
	c.SetControl(c.state.Control)
	require.True(t, c.Dirty())
	require.NoError(t, c.Flush(t.Context()))
	require.False(t, c.Dirty())

	again, damage := hire(t, c.store.copy())
	require.NoError(t, damage)
	c.same(t, again)
	require.Len(t, again.state.Ledger.Entries, 1)
	in, _ := again.book.Get(id)
	require.Equal(t, incident.Reserved, in.State)
	require.Equal(t, actuator.Params{"nice": 3.0, "wait": "1s"}, in.Intent.Request.Params, "as Spec.Resolve reads them")
	records, err := again.Outbox().Next(t.Context(), 100)
	require.NoError(t, err)
	require.Len(t, records, 4)
	require.Equal(t, map[string]any{"s": "x", "b": true, "i": int64(1) << 60, "f": 0.5}, records[0].Attributes)
}

func TestAnIntentThatIsNotWrittenWasNotMade(t *testing.T) {
	for _, land := range []bool{false, true} {
		c, _ := hire(t, newMemory())
		id := c.open(0)
		require.NoError(t, c.Flush(t.Context()))
		c.store.set(func() { c.store.fail, c.store.land = true, land })
		require.ErrorIs(t, c.intend(id), ErrUnavailable)
		require.False(t, c.Healthy())
		require.Equal(t, int64(1), c.Failures())

		crashed, damage := hire(t, &memory{data: maps.Clone(c.store.data)})
		require.NoError(t, damage)
		in, _ := crashed.book.Get(id)
		if land { // the write failed for us and landed nevertheless: recovery must take it for executed
			require.Equal(t, incident.Reserved, in.State)
			require.Len(t, crashed.state.Ledger.Entries, 1)
		} else {
			require.Equal(t, incident.Planned, in.State)
		}

		c.store.set(func() { c.store.fail = false })
		require.NoError(t, c.intend(id), "the same attempt may be made later")
		require.True(t, c.Healthy())
		again, damage := hire(t, c.store.copy())
		require.NoError(t, damage)
		c.same(t, again)
		require.Len(t, again.state.Ledger.Entries, 1, "a refused reservation costs no budget")
		for key := range c.store.data {
			require.False(t, strings.HasPrefix(key, "event/0000000000000004") && again.head.First > 4, "what landed late is gone")
		}
	}
}

func TestAHungStoreIsWaitedForOnceAndForgivenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := hire(t, newMemory())
		id := c.open(0)
		require.NoError(t, c.Flush(t.Context()))
		hang := make(chan struct{})
		c.store.set(func() { c.store.hang = hang })
		began := time.Now()
		require.ErrorIs(t, c.intend(id), ErrUnavailable)
		require.Equal(t, time.Second, time.Since(began))
		require.ErrorIs(t, c.intend(id), ErrUnavailable)
		require.Equal(t, time.Second, time.Since(began), "the second attempt does not wait behind the first")
		c.store.set(func() { c.store.hang = nil })
		close(hang)
		synctest.Wait()
		require.NoError(t, c.intend(id))
		again, damage := hire(t, c.store.copy())
		require.NoError(t, damage)
		c.same(t, again)
	})
}

func TestTheLogIsCompacted(t *testing.T) {
	c, _ := hire(t, newMemory())
	id := c.open(0)
	for i := range 2000 {
		c.apply(incident.Event{Kind: incident.KindHeld, Incident: id, Reason: fmt.Sprint(i)})
		require.NoError(t, c.Flush(t.Context()))
		records := c.Outbox().Waiting()
		require.NoError(t, c.Outbox().Ack(t.Context(), records[len(records)-1].Seq))
	}
	require.NoError(t, c.Flush(t.Context()))
	require.Less(t, len(c.store.data), 2*compactAfter)
	again, damage := hire(t, c.store.copy())
	require.NoError(t, damage)
	c.same(t, again)
}

func TestAcknowledgedRecordsLeaveTheDiskAndTheOldestGoFirst(t *testing.T) {
	c, _ := hire(t, newMemory())
	for i := range 250 {
		c.Add(nil, nil, c.record(fmt.Sprint(i)))
	}
	require.NoError(t, c.Flush(t.Context()))
	require.Equal(t, int64(150), c.Outbox().Dropped())
	records, err := c.Outbox().Next(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, "150", records[0].Name)
	require.Equal(t, uint64(151), records[0].Seq)
	require.NoError(t, c.Outbox().Ack(t.Context(), records[9].Seq))
	require.NoError(t, c.Flush(t.Context()))
	kept := 0
	for key := range c.store.data {
		if strings.HasPrefix(key, "audit/") {
			kept++
		}
	}
	require.Equal(t, 90, kept)
	again, damage := hire(t, c.store.copy())
	require.NoError(t, damage)
	require.Equal(t, c.Outbox().Waiting(), again.Outbox().Waiting())
	again.Add(nil, nil, again.record("next"))
	require.NoError(t, again.Flush(t.Context()))
	waiting := again.Outbox().Waiting()
	require.Equal(t, uint64(251), waiting[len(waiting)-1].Seq, "numbers grow across restarts")
}

func TestTheOutboxWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := hire(t, newMemory())
		got := make(chan []audit.Record, 1)
		go func() {
			records, err := c.Outbox().Next(t.Context(), 1)
			if err == nil {
				got <- records
			}
		}()
		synctest.Wait()
		require.Empty(t, got)
		c.Add(nil, nil, c.record("x"))
		require.NoError(t, c.Flush(t.Context()))
		require.Len(t, <-got, 1)
		require.NoError(t, c.Outbox().Ack(t.Context(), 1))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := c.Outbox().Next(ctx, 1)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestEveryDamageIsNoticedAndSetAside(t *testing.T) {
	c, _ := hire(t, newMemory())
	id := c.open(0)
	require.NoError(t, c.intend(id))
	c.SetControl(Control{By: "ann"})
	require.NoError(t, c.Flush(t.Context()))
	for _, key := range slices.Sorted(maps.Keys(c.store.data)) {
		for name, harm := range map[string]func(m *memory){
			"a flipped bit": func(m *memory) { m.data[key] = flip(m.data[key]) },
			"cut off":       func(m *memory) { m.data[key] = m.data[key][:len(m.data[key])/2] },
			"a new version": func(m *memory) { m.data[key] = append([]byte("hsj\x02"), m.data[key][4:]...) },
			"misplaced":     func(m *memory) { m.data[key], _ = Encode("elsewhere", map[string]int{}) },
		} {
			broken := c.store.copy()
			harm(broken)
			again, damage := hire(t, broken)
			require.ErrorIs(t, damage, ErrDamaged, "%s of %s", name, key)
			require.False(t, again.Healthy())
			require.Equal(t, append(append([]byte(key), 0), broken.data["aside/00"][len(key)+1:]...), broken.data["aside/00"], "kept for people")
			require.NoError(t, again.Flush(t.Context()))
			third, damage := hire(t, broken)
			require.NoError(t, damage, "it is met once: %s of %s", name, key)
			again.same(t, third)
		}
	}
	for _, key := range []string{"head", "budget", "event/0000000000000002"} {
		broken := c.store.copy()
		delete(broken.data, key)
		_, damage := hire(t, broken)
		require.ErrorIs(t, damage, ErrDamaged, "%s is missing", key)
	}
}

func flip(data []byte) []byte {
	out := slices.Clone(data)
	out[len(out)-1] ^= 1
	return out
}

func TestAStoreThatCannotBeReadIsNotWritten(t *testing.T) {
	j, _, _, err := Open(t.Context(), unreadable{}, Options{}, nil)
	require.ErrorContains(t, err, "input/output error")
	require.Nil(t, j)
}

type unreadable struct{}

func (unreadable) Read(context.Context, ...string) ([][]byte, error) {
	return nil, errors.New("input/output error")
}
func (unreadable) Write(context.Context, ...Change) error { panic("must not be written") }

func TestWithoutAStoreThereIsStillAnOutbox(t *testing.T) {
	j, restored, damage, err := Open(t.Context(), nil, Options{MaxRecords: 10}, nil)
	require.NoError(t, err)
	require.NoError(t, damage)
	require.Empty(t, restored.Incidents)
	j.Add(nil, nil, []audit.Record{{Name: "a"}})
	require.NoError(t, j.Reserve(t.Context(), incident.Event{}, nil, []audit.Record{{Name: "b"}}))
	require.Len(t, j.Outbox().Waiting(), 2)
	require.True(t, j.Healthy())
}

// TestAnyCrashRemembersAPrefix stops the world after any write, failed or not.
func TestAnyCrashRemembersAPrefix(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c, _ := hire(rt, newMemory())
		ids := []string{}
		reserved := 0
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			c.store.set(func() {
				c.store.fail = rapid.SampledFrom([]bool{false, false, true}).Draw(rt, "fail")
				c.store.land = rapid.Bool().Draw(rt, "land")
			})
			switch what := rapid.IntRange(0, 3).Draw(rt, "what"); {
			case what == 0 || len(ids) == 0:
				ids = append(ids, c.open(len(ids)))
			case what == 1:
				id := ids[len(ids)-1]
				if in, _ := c.book.Get(id); in.State.Undecided() && in.Attempt < 2 && c.intend(id) == nil {
					reserved++
				}
			case what == 2:
				id := ids[len(ids)-1]
				if in, _ := c.book.Get(id); in.State.Undecided() {
					c.apply(incident.Event{Kind: incident.KindHeld, Incident: id, Reason: "x"})
				}
			default:
				_ = c.Flush(t.Context())
			}
			crashed, damage := hire(rt, c.store.copy())
			require.NoError(rt, damage)
			require.GreaterOrEqual(rt, len(crashed.state.Ledger.Entries), reserved, "a dispatched action is never forgotten")
		}
		c.store.set(func() { c.store.fail = false })
		require.NoError(rt, c.Flush(t.Context()))
		again, damage := hire(rt, c.store.copy())
		require.NoError(rt, damage)
		c.same(rt, again)
	})
}

var update = flag.Bool("update", false, "write testdata/v1.json if it does not exist")

// TestVersion1StaysReadable reads a journal that was written once and is
// never rewritten.
func TestVersion1StaysReadable(t *testing.T) {
	const name = "testdata/v1.json"
	if _, err := os.Stat(name); *update && os.IsNotExist(err) {
		c, _ := hire(t, newMemory())
		for i := range 2 {
			id := c.open(i)
			require.NoError(t, c.intend(id))
		}
		require.NoError(t, c.snapshot(t.Context(), batch{}))
		id := c.open(2)
		require.NoError(t, c.intend(id))
		c.SetControl(Control{Stopped: true, By: "ann", Comment: "maintenance", At: start})
		require.NoError(t, c.Flush(t.Context()))
		data, err := json.MarshalIndent(c.store.data, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(name, append(data, '\n'), 0o644))
	}
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	store := newMemory()
	require.NoError(t, json.Unmarshal(data, &store.data))
	c, damage := hire(t, store)
	require.NoError(t, damage)
	require.Len(t, c.book.List(), 3)
	for _, in := range c.book.List() {
		require.Equal(t, incident.Reserved, in.State)
		require.Equal(t, time.Second, in.Intent.Settle)
		require.Equal(t, actuator.Params{"nice": 3.0, "wait": "1s"}, in.Intent.Request.Params, "as Spec.Resolve reads them")
		require.True(t, math.IsNaN(float64(in.Evidence[0].Last.Value)))
	}
	require.Len(t, c.state.Ledger.Entries, 3)
	require.Equal(t, Control{Stopped: true, By: "ann", Comment: "maintenance", At: start}, c.state.Control)
	require.Len(t, c.Outbox().Waiting(), 12)
}

func FuzzDecode(f *testing.F) {
	good, err := Encode("k", map[string]string{"a": "b"})
	require.NoError(f, err)
	f.Add("k", good)
	f.Add("k", []byte("hsj\x01"))
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, key string, data []byte) {
		var ev incident.Event
		if err := Decode(key, data, &ev); err != nil {
			require.ErrorIs(t, err, ErrDamaged)
		} else {
			require.ErrorIs(t, Decode(key+"x", data, &ev), ErrDamaged, "a record belongs to its key")
		}
		_, _ = incident.Incident{}.Step(ev, start)
		// Whatever the payload is: what is written is what is read.
		record, err := Encode(key, data)
		require.NoError(t, err)
		var back []byte
		require.NoError(t, Decode(key, record, &back))
		require.Len(t, back, len(data))
	})
}

func BenchmarkReserve(b *testing.B) {
	c, _ := hire(b, newMemory())
	ev := incident.Event{Kind: incident.KindHeld, Incident: "i", Time: start}
	for b.Loop() {
		_ = c.Reserve(b.Context(), ev, c.state.Ledger, nil)
	}
}
