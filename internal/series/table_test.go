// SPDX-License-Identifier: Apache-2.0

package series

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var epoch = time.Unix(1_700_000_000, 0)

// testKey spreads small numbers as a hash would.
func testKey(n int) Key {
	x := uint64(n+1) * 0x9e3779b97f4a7c15
	return Key{Hi: x ^ x>>29, Lo: x*0xbf58476d1ce4e5b9 ^ x>>32}
}

func TestTableAgreesWithAModel(t *testing.T) {
	type entry struct {
		seen  time.Time
		value int
	}
	rapid.Check(t, func(rt *rapid.T) {
		const limit, stale = 20, 10 * time.Second
		table := NewTable[int](TableSettings{MaxSeries: limit, StaleAfter: stale})
		model := map[Key]entry{}
		var want Counts
		now := epoch
		for range rapid.IntRange(1, 200).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(rt, "ms")) * time.Millisecond)
			key := testKey(rapid.IntRange(0, 40).Draw(rt, "key"))
			known, has := model[key]
			switch rapid.SampledFrom([]string{"admit", "admit", "admit", "lookup", "sweep", "range"}).Draw(rt, "op") {
			case "admit":
				slot, admission := table.Admit(key, now)
				switch {
				case has:
					require.Equal(rt, Known, admission)
					require.Equal(rt, known.value, *slot.Value)
				case len(model) == limit:
					require.Equal(rt, Refused, admission)
					want.Refused++
					continue
				default:
					require.Equal(rt, New, admission)
					require.Zero(rt, *slot.Value, "a new payload is zero, also in a place that was used before")
				}
				*slot.Value = known.value + 1
				slot.Release()
				model[key] = entry{seen: now, value: known.value + 1}
			case "lookup":
				slot, ok := table.Lookup(key)
				require.Equal(rt, has, ok)
				if ok {
					require.Equal(rt, known.value, *slot.Value)
					slot.Release()
				}
			case "sweep":
				gone := map[Key]int{}
				n := table.Sweep(now, 1<<30, func(k Key, v *int) { gone[k] = *v })
				wantGone := map[Key]int{}
				for k, e := range model {
					if e.seen.Before(now.Add(-stale)) {
						wantGone[k] = e.value
						delete(model, k)
					}
				}
				require.Equal(rt, wantGone, gone)
				require.Equal(rt, len(wantGone), n)
				want.Evicted += int64(n)
			case "range":
				got := map[Key]entry{}
				table.Range(func(k Key, seen time.Time, v *int) bool {
					require.NotContains(rt, got, k, "visited twice")
					got[k] = entry{seen: seen, value: *v}
					return true
				})
				require.Equal(rt, model, got)
			}
		}
		want.Tracked = int64(len(model))
		require.Equal(rt, want, table.Counts())
	})
}

func TestIndexKeepsItsRunsWhole(t *testing.T) {
	// Few distinct homes make long runs, which is where deletion by shifting
	// back goes wrong.
	rapid.Check(t, func(rt *rapid.T) {
		var x index
		present := map[uint32]uint32{} // number to tag
		for number := range uint32(rapid.IntRange(1, 300).Draw(rt, "steps")) {
			if len(present) > 0 && rapid.Bool().Draw(rt, "remove") {
				gone := slices.Min(slices.Collect(maps.Keys(present))) // the smallest, so that a failure replays
				x.remove(present[gone], gone)
				delete(present, gone)
			}
			tag := rapid.Uint32Range(0, 5).Draw(rt, "tag") << rapid.SampledFrom([]uint{0, 2, 28}).Draw(rt, "shift")
			x.insert(tag, number)
			present[number] = tag
			for n, tag := range present {
				if !reachable(&x, tag, n) {
					rt.Fatalf("place %d is lost", n)
				}
			}
			require.Equal(rt, len(present), x.count)
		}
	})
}

func reachable(x *index, tag, number uint32) bool {
	for i := x.first(tag); ; i = x.next(i) {
		switch got, outcome := x.probe(i, tag); outcome {
		case probeEmpty:
			return false
		case probeMatch:
			if got == number {
				return true
			}
		}
	}
}

func TestTableEvictsALittleAtATime(t *testing.T) {
	const n = 10_000
	table := NewTable[int](TableSettings{MaxSeries: n, StaleAfter: time.Minute})
	for i := range n {
		slot, _ := table.Admit(testKey(i), epoch)
		slot.Release()
	}
	later := epoch.Add(time.Hour)
	largest, calls := 0, 0
	for ; table.Counts().Tracked > 0; calls++ {
		require.Less(t, calls, n, "the sweep does not get on")
		largest = max(largest, table.Sweep(later, 100, nil))
	}
	require.LessOrEqual(t, largest, 100+chunkSize, "one call evicts about as many as it was asked to look at")
	require.Equal(t, Counts{Evicted: n}, table.Counts())
	require.Zero(t, table.Sweep(later, 1<<30, nil))

	slot, admission := table.Admit(testKey(1), later)
	require.Equal(t, New, admission, "there is room again")
	slot.Release()
}

func TestTableStaysWithinItsLimitUnderLoad(t *testing.T) {
	const limit, workers, each = 500, 8, 4000
	table := NewTable[int](TableSettings{MaxSeries: limit, StaleAfter: time.Second})
	var clock, admitted atomic.Int64
	var wg, sweeper sync.WaitGroup
	done := make(chan struct{})
	sweeper.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			table.Sweep(epoch.Add(time.Duration(clock.Load())), 200, func(_ Key, v *int) { *v = -1 })
			table.Range(func(_ Key, _ time.Time, v *int) bool { return *v >= 0 })
			if n := table.Counts().Tracked; n > limit {
				t.Errorf("%d series tracked, the limit is %d", n, limit)
			}
		}
	})
	for range workers {
		wg.Go(func() {
			for range each {
				now := epoch.Add(time.Duration(clock.Add(int64(time.Millisecond))))
				slot, admission := table.Admit(testKey(rand.IntN(2*limit)), now)
				if admission != Refused {
					*slot.Value++ // the race detector watches this
					admitted.Add(1)
					slot.Release()
				}
			}
		})
	}
	wg.Wait()
	close(done)
	sweeper.Wait()
	counts := table.Counts()
	require.Equal(t, int64(workers*each), admitted.Load()+counts.Refused)
	visited := int64(0)
	table.Range(func(Key, time.Time, *int) bool { visited++; return true })
	require.Equal(t, counts.Tracked, visited)
}

func TestTableRangeStops(t *testing.T) {
	table := NewTable[int](TableSettings{MaxSeries: 100, StaleAfter: time.Minute})
	for i := range 100 {
		slot, _ := table.Admit(testKey(i), epoch)
		slot.Release()
	}
	visited := 0
	table.Range(func(Key, time.Time, *int) bool { visited++; return visited < 7 })
	require.Equal(t, 7, visited)
}

func TestTableOldAdmissionDoesNotMakeOlder(t *testing.T) {
	table := NewTable[int](TableSettings{MaxSeries: 1, StaleAfter: time.Minute})
	for _, at := range []time.Time{epoch, epoch.Add(-time.Hour)} {
		slot, _ := table.Admit(testKey(1), at)
		slot.Release()
	}
	require.Zero(t, table.Sweep(epoch, 1<<20, nil))
}

func TestTableRefusesTheZeroKey(t *testing.T) {
	table := NewTable[int](TableSettings{MaxSeries: 1, StaleAfter: time.Minute})
	slot, admission := table.Admit(Key{}, epoch)
	require.Equal(t, Refused, admission)
	slot.Release() // a slot that holds nothing may be released
	_, ok := table.Lookup(Key{})
	require.False(t, ok)
	require.Equal(t, Counts{Refused: 1}, table.Counts())
}

func TestTableRefusesSettings(t *testing.T) {
	for _, s := range []TableSettings{{}, {MaxSeries: 1}, {StaleAfter: 1}, {MaxSeries: -1, StaleAfter: 1}} {
		require.Panics(t, func() { NewTable[int](s) }, "%+v", s)
	}
}

func TestTableDoesNotAllocateForKnownSeries(t *testing.T) {
	table := NewTable[[8]float64](TableSettings{MaxSeries: 1000, StaleAfter: time.Minute})
	i := 0
	admit := func() {
		slot, _ := table.Admit(testKey(i%1000), epoch)
		slot.Value[0]++
		slot.Release()
		i++
	}
	for range 1000 {
		admit()
	}
	require.Zero(t, testing.AllocsPerRun(1000, admit))
}

func BenchmarkTableAdmit(b *testing.B) {
	for _, n := range []int{2_000, 100_000} {
		b.Run(fmt.Sprintf("series=%d", n), func(b *testing.B) { benchmarkAdmit(b, n) })
	}
}

func benchmarkAdmit(b *testing.B, n int) {
	table := NewTable[Memory](TableSettings{MaxSeries: n, StaleAfter: time.Minute})
	keys := make([]Key, n)
	for i := range keys {
		keys[i] = testKey(i)
		slot, _ := table.Admit(keys[i], epoch)
		slot.Release()
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		slot, _ := table.Admit(keys[i%n], epoch)
		slot.Value.offered++
		slot.Release()
	}
}
