// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
	"go.yaml.in/yaml/v3"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/remediationengine/internal/metadata"
	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/incident"
	"github.com/homeostat/homeostat/internal/operate"
	"github.com/homeostat/homeostat/internal/series"
)

var (
	storageID = component.MustNewID("file_storage")
	fakeID    = component.MustNewID("fake")
)

// rig is an engine with a fake actuator and a real journal, in a bubble.
type rig struct {
	t      *testing.T
	dir    string
	fake   *fake
	fsync  bool
	change func(*Config)
	tel    *componenttest.Telemetry
	wrap   func(storage.Client) storage.Client
	bad    *faulty // where a test set wrap to it

	*engine
	heard []audit.Record

	mu       sync.Mutex // guards everything below
	reported []componentstatus.Status
}

// downPlan starts a service that is down, at most twice.
const downPlan = `
id: down
match: ['fault="service_down"']
target: {kind: service, name: web}
confirm: {points: 2 of 3}
mode: auto
steps:
  - {id: look, action: fake.explain}
  - id: start
    action: fake.start
    attempts: 2
    backoff: {initial: 20s, factor: 2, max: 1m}
    settle: 5s
    verify: {clear: true, hold: 10s, deadline: 60s}
`

func (r *rig) GetExtensions() map[component.ID]component.Component {
	keeper, err := filestorage.NewFactory().Create(r.t.Context(), extensiontest.NewNopSettings(storageID.Type()), r.storageConfig())
	require.NoError(r.t, err)
	return map[component.ID]component.Component{fakeID: r.fake, storageID: wrapped{keeper.(storage.Extension), r.wrap}}
}

// wrapped is a storage extension whose clients are put into something.
type wrapped struct {
	storage.Extension
	wrap func(storage.Client) storage.Client
}

func (w wrapped) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	client, err := w.Extension.GetClient(ctx, kind, id, name)
	if err == nil && w.wrap != nil {
		client = w.wrap(client)
	}
	return client, err
}

func (r *rig) Report(ev *componentstatus.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reported = append(r.reported, ev.Status())
}

// status lists the component statuses that were reported.
func (r *rig) status() []componentstatus.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.reported)
}

func (r *rig) storageConfig() component.Config {
	cfg := filestorage.NewFactory().CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory, cfg.FSync = r.dir, r.fsync
	return cfg
}

// newRig makes a rig with one plan, mode auto and no warm-up.
func newRig(t *testing.T, plan string, change func(*Config)) *rig {
	t.Helper()
	return &rig{t: t, dir: t.TempDir(), fake: newFake(), fsync: true, change: func(cfg *Config) {
		var p map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(plan), &p))
		cfg.Plans = []map[string]any{p}
		if change != nil {
			change(cfg)
		}
	}}
}

func (r *rig) config() *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.Mode, cfg.Storage, cfg.Actuators = "auto", &storageID, []component.ID{fakeID}
	cfg.Host = HostConfig{Name: "host1", ID: "id1"}
	cfg.Limits.WarmUp, cfg.Limits.BootWarmUp, cfg.Limits.FreshJournalHold = 0, 0, 0
	r.change(cfg)
	require.NoError(r.t, cfg.Validate())
	return cfg
}

// start starts an engine on whatever the directory holds.
func (r *rig) start() *rig {
	r.t.Helper()
	set := extensiontest.NewNopSettings(metadata.Type)
	set.ID, set.Logger = component.NewID(metadata.Type), zap.NewNop()
	if r.tel != nil {
		set.TelemetrySettings = r.tel.NewTelemetrySettings()
	}
	e, err := newEngine(r.config(), set)
	require.NoError(r.t, err)
	require.NoError(r.t, e.Start(r.t.Context(), r))
	conf := confmap.NewFromStringMap(map[string]any{"extensions": map[string]any{"file_storage": map[string]any{"fsync": r.fsync}}})
	require.NoError(r.t, e.NotifyConfigSnapshot(r.t.Context(), extensioncapabilities.NewConfigSnapshot(conf, nil)))
	r.engine = e
	r.t.Cleanup(func() { _ = e.Shutdown(r.t.Context()) }) // a failed test must not leave the bubble blocked
	synctest.Wait()
	return r
}

// stop shuts the engine down.
func (r *rig) stop() {
	r.t.Helper()
	require.NoError(r.t, r.Shutdown(r.t.Context()))
}

// crash copies the journal as it is on disk now, abandons the engine, and
// starts another one on the copy.
func (r *rig) crash() *rig {
	r.t.Helper()
	copied := r.t.TempDir()
	names, err := filepath.Glob(filepath.Join(r.dir, "*"))
	require.NoError(r.t, err)
	for _, name := range names {
		in, err := os.Open(name)
		require.NoError(r.t, err)
		out, err := os.Create(filepath.Join(copied, filepath.Base(name)))
		require.NoError(r.t, err)
		_, err = io.Copy(out, in)
		require.NoError(r.t, err)
		require.NoError(r.t, out.Close())
		require.NoError(r.t, in.Close())
	}
	return &rig{t: r.t, dir: copied, fake: newFake(), fsync: r.fsync, change: r.change}
}

// see reports one point of a series.
// A moment passes first, because a point must be newer than the last one.
func (r *rig) see(name string, state finding.State, change func(*finding.Finding)) {
	r.t.Helper()
	time.Sleep(time.Millisecond)
	now := time.Now()
	f := finding.Finding{
		ID: "a1", Series: series.Key{Hi: 1, Lo: uint64(len(name)) + uint64(name[0])<<8}, State: state, Kind: finding.Threshold,
		Score: 5, ZScore: math.NaN(), PValue: math.NaN(), Value: 1, Expected: math.NaN(), Severity: finding.Critical,
		Fault: "service_down", Rules: []string{"web-down"}, Metric: name, Time: now, Received: now,
		Resource: map[string]string{actuator.AttrHost: "host1", actuator.AttrHostID: "id1"},
	}
	if state == finding.Normal {
		f.Fault, f.Rules, f.Severity = "", nil, ""
	}
	if change != nil {
		change(&f)
	}
	r.Offer([]finding.Finding{f})
	synctest.Wait()
}

// pass lets time pass, with a point of the series web every second.
func (r *rig) pass(span time.Duration, state func() finding.State) {
	r.t.Helper()
	for range int(span / time.Second) {
		time.Sleep(time.Second)
		synctest.Wait()
		r.see("web", state(), nil)
	}
}

func always(s finding.State) func() finding.State { return func() finding.State { return s } }

// only returns the only incident.
func (r *rig) only() incident.Incident {
	r.t.Helper()
	list := r.book.List()
	require.Len(r.t, list, 1)
	return list[0]
}

// said lists the names of all audit records so far, of one prefix.
func (r *rig) said() []string {
	r.t.Helper()
	r.drainOutbox()
	var names []string
	for _, record := range r.heard {
		names = append(names, record.Name)
	}
	return names
}

func (r *rig) drainOutbox() {
	r.t.Helper()
	for len(r.loop.journal.Outbox().Waiting()) > 0 {
		records, err := r.Next(r.t.Context(), 100)
		require.NoError(r.t, err)
		r.heard = append(r.heard, records...)
		require.NoError(r.t, r.Ack(r.t.Context(), records[len(records)-1].Seq))
	}
}

// record returns the only audit record with this name.
func (r *rig) record(name string) audit.Record {
	r.t.Helper()
	r.drainOutbox()
	var found []audit.Record
	for _, record := range r.heard {
		if record.Name == name {
			found = append(found, record)
		}
	}
	require.Len(r.t, found, 1, name)
	return found[0]
}

// question returns the open question of the only incident.
func (r *rig) question() operate.Question {
	r.t.Helper()
	shown, err := r.Incident(r.only().ID)
	require.NoError(r.t, err)
	require.NotNil(r.t, shown.Question, "state %s: %s", shown.State, shown.Reason)
	return *shown.Question
}
