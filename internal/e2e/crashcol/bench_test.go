// SPDX-License-Identifier: Apache-2.0

package crashcol

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/console"
	"github.com/homeostat/homeostat/internal/e2e"
	"github.com/homeostat/homeostat/internal/operate"
)

// One rule, one plan, one action that is tried once. Times are short, so that
// a life fits into a second; budgets are the defaults.
const config = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "{{otlp}}"}}}
  remediation_audit: {}
processors:
  anomaly:
    storage: file_storage
    rules:
      - {name: broken, metric: e2e.broken, condition: value > 0.5, fault: e2e_broken, severity: critical}
exporters:
  remediation: {}
  lines: {file: "{{dir}}/audit.jsonl"}
extensions:
  file_storage: {directory: "{{dir}}/state", create_directory: true, fsync: true}
  console: {endpoint: "{{console}}"}
  counter: {file: "{{dir}}/effects", replay: "{{replay}}", before: "{{before}}", after: "{{after}}"}
  remediation_engine:
    storage: file_storage
    mode: auto
    host: {name: e2e-host, id: e2e-id}
    actuators: [counter]
    limits: {warm_up: 0s, boot_warm_up: 0s, fresh_journal_hold: 0s}
    plans:
      - id: count
        match: [fault="e2e_broken"]
        target: {kind: counter, name: one}
        confirm: {points: 1 of 1}
        mode: auto
        steps:
          - id: add
            action: counter.add
            attempts: 1
            settle: 100ms
            verify: {clear: true, hold: 300ms, deadline: 1500ms}
service:
  extensions: [file_storage, console, counter, remediation_engine]
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [otlp], processors: [anomaly], exporters: [remediation]}
    logs: {receivers: [remediation_audit], exporters: [lines]}
`

// bench is a host with a fault: state that outlives the Collector, a source of
// telemetry that reports the fault, and one Collector at a time.
type bench struct {
	dir     string
	config  string
	console *console.Client
	client  *e2e.Client
	col     *e2e.Process

	stopFeed context.CancelFunc
	feeding  sync.WaitGroup
}

// setup is what differs between tests.
type setup struct {
	replay        string        // class of the verb
	before, after time.Duration // how long Execute takes on either side of the effect
	heals         bool          // the effect repairs the fault
}

func newBench(t *testing.T, s setup) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir()}
	otlp, desk := e2e.FreeAddress(t), e2e.FreeAddress(t)
	var err error
	b.console, err = console.NewClient("http://"+desk, "")
	require.NoError(t, err)
	t.Cleanup(b.console.Close)
	b.config = e2e.WriteFile(t, b.dir, "config.yaml", config, map[string]string{
		"otlp": otlp, "console": desk, "dir": b.dir,
		"replay": s.replay, "before": s.before.String(), "after": s.after.String(),
	})
	b.client = e2e.NewClient(t, otlp, "")
	ctx, cancel := context.WithCancel(t.Context())
	b.stopFeed = cancel
	b.feeding.Go(func() { b.feed(ctx, s.heals) })
	t.Cleanup(func() {
		cancel()
		b.feeding.Wait()
	})
	return b
}

// feed reports the fault 20 times a second, whether or not anybody listens,
// and the same evidence again after each restart, until it is repaired.
func (b *bench) feed(ctx context.Context, heals bool) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		value := 1.0
		if operations, err := effects(b.effectsFile()); heals && err == nil && len(operations) > 0 {
			value = 0
		}
		_ = b.client.Send(ctx, e2e.GRPC, evidence(time.Now(), value)) // errs while the Collector is down
	}
}

func evidence(at time.Time, value float64) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("host.name", "e2e-host")
	rm.Resource().Attributes().PutStr("host.id", "e2e-id")
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("e2e.broken")
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	p.SetDoubleValue(value)
	return md
}

func (b *bench) effectsFile() string { return filepath.Join(b.dir, "effects") }

func (b *bench) effects(t *testing.T) []string {
	t.Helper()
	operations, err := effects(b.effectsFile())
	require.NoError(t, err)
	return operations
}

// start starts a Collector on what the last one left behind.
func (b *bench) start(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	b.col = e2e.Start(t, e2e.Command{
		Path: self, Args: []string{"--config", b.config}, Dir: b.dir,
		Env: append(os.Environ(), asCollector+"=1"),
	})
}

// incident is the one incident there may be; nil while there is none or
// nobody answers.
func (b *bench) incident(t *testing.T) *operate.Incident {
	t.Helper()
	list, err := b.console.Incidents(t.Context())
	if err != nil || len(list) == 0 {
		return nil
	}
	require.Len(t, list, 1, "one fault of one target is one incident")
	return &list[0]
}

// awaitState waits until the incident is in one of the states.
func (b *bench) awaitState(t *testing.T, states ...string) (seen operate.Incident) {
	t.Helper()
	b.col.Await(t, "an incident that is "+states[0], func() bool {
		in := b.incident(t)
		if in == nil {
			return false
		}
		seen = *in
		return slices.Contains(states, in.State)
	})
	return seen
}
