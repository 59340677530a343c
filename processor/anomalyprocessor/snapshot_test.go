// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// memory is a storage extension in memory that can fail.
type memory struct {
	component.StartFunc
	component.ShutdownFunc

	mu   sync.Mutex
	data map[string][]byte // guarded by mu
	fail error             // guarded by mu
}

func (m *memory) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return m, nil
}

func (m *memory) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.data[key], m.fail
}

func (m *memory) Set(_ context.Context, key string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		m.data[key] = append([]byte(nil), value...)
	}
	return m.fail
}

func (m *memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.data, key)
	return m.fail
}

func (*memory) Batch(context.Context, ...*storage.Operation) error { return errors.New("not used") }
func (*memory) Close(context.Context) error                        { return nil }

func (m *memory) failWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

type withExtensions struct {
	component.Host
	all map[component.ID]component.Component
}

func (h withExtensions) GetExtensions() map[component.ID]component.Component { return h.all }

func hostWith(ext component.Component) component.Host {
	return withExtensions{componenttest.NewNopHost(), map[component.ID]component.Component{component.MustNewID("store"): ext}}
}

func newMemory() *memory { return &memory{data: map[string][]byte{}} }

const stored = "storage: store\n"

func TestARestartContinuesDetection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		config := stored + `
zscore: {warm_up: 5m}
companion_metrics: {enabled: false}
rules:
  - {name: hot, metric: r, condition: value > 0.9, for: 25s, fault: hot, severity: critical}
  - {name: gone, for: 15s, absent: {metric: process.memory.usage, attributes: {process.executable.name: nginx}}}
`
		r := run(t, config, hostWith(store))
		r.play("m", "50x40 90x3")
		r.play("r", "0.95x2")
		for range 10 {
			time.Sleep(5 * time.Second)
			r.send(process("web1", "sshd"))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		var missing string
		for _, p := range r.said() {
			// Missed on both: the host of m and r names an id, that of the processes does not.
			if p.noValue && p.state() == "firing" && p.resource["host.id"] == nil {
				missing = p.id()
			}
		}
		require.NotEmpty(t, missing)
		r.send(gauges(web1, "m", 90))
		id := only(r.said(), "m")[0].id() // the sweep may speak of the absence at the same instant
		require.NotEmpty(t, id)
		r.stop()

		r = run(t, config, hostWith(store))
		defer r.stop()
		time.Sleep(5 * time.Second)
		r.send(gauges(web1, "m", 90))
		p := only(r.said(), "m")[0]
		require.Equal(t, "firing", p.state(), "no warm-up, no pending")
		require.Equal(t, id, p.id(), "the same episode")
		require.InDelta(t, 50, p.attr["anomaly.expected"], 5, "the baseline is remembered")
		require.Equal(t, "F2r.", squeeze(r.play("m", "50x4")), "and it can end")
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, p := range r.said() {
			require.NotEqual(t, "resolved", p.state(), "a restart resolves nothing")
		}
		r.send(process("web1", "nginx"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		back := only(r.said(), "process.memory.usage")
		require.Equal(t, "resolved", back[len(back)-1].state())
		require.Equal(t, missing, back[len(back)-1].id())
	})
}

// After kill -9 the newest background snapshot counts, and a series that never
// comes back is still spoken of, where it came from.
func TestARestoredSeriesThatStaysSilentIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		r := run(t, stored+hotRule, hostWith(store))
		r.play("m", "0.95x10")
		killed := newMemory()
		store.mu.Lock()
		maps.Copy(killed.data, store.data)
		store.mu.Unlock()
		require.NotEmpty(t, killed.data, "saved in the background")
		r.stop()
		r = run(t, stored+hotRule, hostWith(killed))
		defer r.stop()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		p := only(r.said(), "m")
		require.Len(t, p, 1)
		require.Equal(t, "unknown", p[0].state())
		require.Equal(t, web1, p[0].resource)
		require.Equal(t, []any{"hot"}, p[0].attr["anomaly.rules"])
	})
}

func TestASnapshotThatCannotBeReadIsSetAside(t *testing.T) {
	for name, c := range map[string]struct {
		key    string
		spoil  func([]byte) []byte
		reason string
	}{
		"chunk with a flipped bit":  {"chunk.1.0", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, "checksum"},
		"chunk cut short":           {"chunk.1.0", func(b []byte) []byte { return b[:len(b)-9] }, "checksum"},
		"chunk of another version":  {"chunk.1.0", func(b []byte) []byte { b[4] = 9; return b }, "version 9"},
		"chunk missing":             {"chunk.1.0", func([]byte) []byte { return nil }, "missing"},
		"chunk of something else":   {"chunk.1.0", func([]byte) []byte { return []byte("something else") }, "no snapshot"},
		"chunk with a bad record":   {"chunk.1.0", func([]byte) []byte { return seal(append(header(chunkMagic), 7, 0)) }, "cannot be read"},
		"manifest with a wrong sum": {"manifest", func(b []byte) []byte { b[9] ^= 1; return b }, "checksum"},
		"manifest cut short":        {"manifest", func([]byte) []byte { return seal(header(manifestMagic)) }, "0 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newMemory()
				r := run(t, stored+hotRule, hostWith(store))
				r.send(gauges(web1, "m", 0.95))
				r.stop()
				require.Contains(t, store.data, c.key)
				bad := c.spoil(append([]byte(nil), store.data[c.key]...))
				store.data[c.key] = bad
				r = run(t, stored+hotRule, hostWith(store))
				defer r.stop()
				warned := r.logs.FilterMessageSnippet("is set aside")
				require.Equal(t, 1, warned.Len())
				require.Contains(t, warned.All()[0].ContextMap()["error"], c.reason)
				require.Equal(t, append([]byte(nil), bad...), store.data["set_aside."+c.key])
				time.Sleep(time.Second)
				r.send(gauges(web1, "m", 0.95))
				require.Equal(t, "firing", r.said()[0].state(), "detection starts anew")
			})
		})
	}
}

func TestStorageFaultsAreSaidAndSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		store.fail = errors.New("disk on fire")
		r := run(t, stored+hotRule, hostWith(store))
		require.Equal(t, 1, r.logs.FilterMessageSnippet("cannot read the saved").Len())
		time.Sleep(5 * time.Minute)
		require.Equal(t, 1, r.logs.FilterMessageSnippet("cannot save").Len(), "said once")
		store.failWith(nil)
		time.Sleep(2 * time.Minute)
		require.Equal(t, 1, r.logs.FilterMessageSnippet("saved again").Len())
		age, err := r.tel.GetMetric("otelcol_processor_anomaly_snapshot_age")
		require.NoError(t, err)
		require.NotNil(t, age.Data)
		_, err = r.tel.GetMetric("otelcol_processor_anomaly_snapshot_size")
		require.NoError(t, err)
		r.stop()
	})
}

func TestStorageMustBeThereAndStore(t *testing.T) {
	for want, host := range map[string]component.Host{
		`storage: no extension "store" runs; add it to service::extensions, or remove storage`: componenttest.NewNopHost(),
		`storage: extension "store" does not store anything`: hostWith(new(struct {
			component.StartFunc
			component.ShutdownFunc
		})),
	} {
		cfg := configure(t, stored+hotRule)
		p, err := newProcessor(nopSettings(), cfg, nil)
		require.NoError(t, err)
		require.ErrorContains(t, p.start(t.Context(), host), want)
		require.NoError(t, p.shutdown(t.Context()))
	}
}

func TestGenerationsTakeTurnsAndLeaveNothingBehind(t *testing.T) {
	store := newMemory()
	cfg := configure(t, stored+hotRule)
	p, err := newProcessor(nopSettings(), cfg, nil)
	require.NoError(t, err)
	k, err := openKeeper(t.Context(), p, hostWith(store))
	require.NoError(t, err)
	k.last = manifest{generation: 6, chunks: 1, before: 3}
	store.data["chunk.1.0"], store.data["chunk.1.1"], store.data["chunk.1.2"] = nil, nil, nil
	_, err = p.process(t.Context(), gauges(web1, "m", 1))
	require.NoError(t, err)
	require.NoError(t, k.save(t.Context(), time.Now()))
	require.NotContains(t, store.data, "chunk.1.1")
	require.NotContains(t, store.data, "chunk.1.2")
	m, err := decodeManifest(store.data["manifest"])
	require.NoError(t, err)
	require.Equal(t, uint64(7), m.generation)
	require.Equal(t, uint64(1), m.chunks)
	require.NoError(t, p.shutdown(t.Context()))
}

func FuzzSnapshot(f *testing.F) {
	p, err := newProcessor(nopSettings(), configure(f, hotRule), nil)
	require.NoError(f, err)
	_, err = p.process(f.Context(), gauges(web1, "m", 0.95, 0.1))
	require.NoError(f, err)
	store := newMemory()
	k := &keeper{p: p, client: store}
	require.NoError(f, k.save(f.Context(), time.Now()))
	for _, b := range store.data {
		f.Add(b[5 : len(b)-4])
	}
	fresh, err := newProcessor(nopSettings(), configure(f, hotRule+"max_series: 60\n"), nil) // one for all: making it is slow
	require.NoError(f, err)
	f.Add([]byte{})
	f.Add([]byte{recordSeries, 1, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = decodeManifest(seal(append(header(manifestMagic), body...)))
		all, watches, err := decodeChunk(seal(append(header(chunkMagic), body...)))
		if err != nil {
			return
		}
		for i := range all {
			fresh.adopt(&all[i], time.Now())
		}
		for i := range watches {
			fresh.adoptWatch(&watches[i], time.Now())
		}
		_, err = fresh.process(t.Context(), gauges(web1, "m", 0.95, 0.1))
		require.NoError(t, err)
		fresh.sweep(t.Context(), time.Now().Add(48*time.Hour), true)
	})
}
