// SPDX-License-Identifier: Apache-2.0

package remediationauditreceiver

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/receiver/remediationauditreceiver/internal/metadata"
	"github.com/homeostat/homeostat/receiver/remediationauditreceiver/internal/metadatatest"
)

// fakeOutbox is an extension that keeps records until they are acknowledged,
// as the engine's does, and can be made to fail.
type fakeOutbox struct {
	component.StartFunc
	component.ShutdownFunc

	wake chan struct{} // holds a token when records may have come

	mu      sync.Mutex // guards everything below
	records []audit.Record
	limits  []int    // asked of Next
	acks    []uint64 // in the order they came
	nextErr error
	ackErr  error
}

func newOutbox(n int) *fakeOutbox {
	o := &fakeOutbox{wake: make(chan struct{}, 1)}
	o.put(n)
	return o
}

func (o *fakeOutbox) put(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	first := 1
	if len(o.records) > 0 {
		first = int(o.records[len(o.records)-1].Seq) + 1
	} else if len(o.acks) > 0 {
		first = int(o.acks[len(o.acks)-1]) + 1
	}
	for i := range n {
		o.records = append(o.records, audit.Record{Seq: uint64(first + i), Time: time.Now(), Name: "remediation.test", Severity: audit.Info})
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *fakeOutbox) fail(nextErr, ackErr error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.nextErr, o.ackErr = nextErr, ackErr
}

func (o *fakeOutbox) Next(ctx context.Context, limit int) ([]audit.Record, error) {
	for {
		o.mu.Lock()
		o.limits = append(o.limits, limit)
		records, err := slices.Clone(o.records[:min(limit, len(o.records))]), o.nextErr
		o.mu.Unlock()
		if err != nil || len(records) > 0 {
			return records, err
		}
		select {
		case <-o.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (o *fakeOutbox) Ack(ctx context.Context, seq uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := errors.Join(ctx.Err(), o.ackErr); err != nil {
		return err
	}
	o.acks = append(o.acks, seq)
	o.records = slices.DeleteFunc(o.records, func(r audit.Record) bool { return r.Seq <= seq })
	return nil
}

// fakePipeline remembers what it accepted and refuses on demand.
type fakePipeline struct {
	mu       sync.Mutex // guards everything below
	err      error
	block    bool // until the caller gives up
	attempts []time.Time
	accepted []int64 // sequence numbers
	sizes    []int   // of accepted batches
	hosts    []string
}

func (p *fakePipeline) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (p *fakePipeline) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.attempts = append(p.attempts, time.Now())
	if p.block {
		<-ctx.Done()
		return ctx.Err()
	}
	if p.err != nil {
		return p.err
	}
	p.sizes = append(p.sizes, ld.LogRecordCount())
	rl := ld.ResourceLogs().At(0)
	name, _ := rl.Resource().Attributes().Get("host.name")
	p.hosts = append(p.hosts, name.Str())
	for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
		seq, _ := lr.Attributes().Get(attrSeq)
		p.accepted = append(p.accepted, seq.Int())
	}
	return nil
}

func (p *fakePipeline) refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// host has extensions and collects the statuses that are reported to it.
type host struct {
	extensions map[component.ID]component.Component
	mu         sync.Mutex // guards statuses
	statuses   []componentstatus.Status
}

func hostOf(outbox component.Component) *host {
	return &host{extensions: map[component.ID]component.Component{defaultEngine: outbox}}
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *host) Report(ev *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.statuses = append(h.statuses, ev.Status())
}

func nop() receiver.Settings { return receivertest.NewNopSettings(metadata.Type) }

func start(t *testing.T, set receiver.Settings, h component.Host, next consumer.Logs, turn ...func(*Config)) receiver.Logs {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	for _, f := range turn {
		f(cfg)
	}
	require.NoError(t, cfg.Validate())
	r, err := NewFactory().CreateLogs(t.Context(), set, cfg, next)
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), h))
	return r
}

func upTo(n int64) []int64 {
	var seqs []int64
	for seq := int64(1); seq <= n; seq++ {
		seqs = append(seqs, seq)
	}
	return seqs
}

func TestStartNamesIDAndKey(t *testing.T) {
	type bystander struct {
		component.StartFunc
		component.ShutdownFunc
	}
	for name, tt := range map[string]struct {
		engine     string
		extensions map[component.ID]component.Component
		want       string
	}{
		"missing": {"remediation_engine/two", nil, `engine: no extension "remediation_engine/two" is running; add it to extensions and service::extensions`},
		"wrong": {
			"zpages",
			map[component.ID]component.Component{component.MustNewID("zpages"): bystander{}},
			`engine: extension "zpages" has no audit outbox; name the id of a remediation engine`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := load(map[string]any{"engine": tt.engine})
			require.NoError(t, err)
			r, err := NewFactory().CreateLogs(t.Context(), nop(), cfg, &fakePipeline{})
			require.NoError(t, err)
			require.ErrorContains(t, r.Start(t.Context(), &host{extensions: tt.extensions}), tt.want)
			require.NoError(t, r.Shutdown(t.Context()))
		})
	}
}

func TestExportsInOrderAndAcknowledges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox, pipeline := newOutbox(250), &fakePipeline{}
		h := hostOf(outbox)
		r := start(t, nop(), h, pipeline)
		synctest.Wait()
		require.Equal(t, upTo(250), pipeline.accepted)
		require.Equal(t, []uint64{100, 200, 250}, outbox.acks)

		outbox.put(3) // wakes a waiting receiver
		synctest.Wait()
		require.Equal(t, upTo(253), pipeline.accepted)
		require.Empty(t, outbox.records)
		require.NoError(t, r.Shutdown(t.Context()))
		require.Empty(t, h.statuses, "nothing changed, nothing is reported")
	})
}

func TestRetriesUntilAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		defer func() { require.NoError(t, tel.Shutdown(t.Context())) }()
		outbox, pipeline := newOutbox(3), &fakePipeline{err: errors.New("backend is down")}
		h := hostOf(outbox)
		r := start(t, metadatatest.NewSettings(tel), h, pipeline)
		begin := time.Now()
		time.Sleep(100 * time.Second)
		synctest.Wait()
		var waits []time.Duration
		for _, at := range pipeline.attempts {
			waits = append(waits, at.Sub(begin))
		}
		seconds := func(s ...time.Duration) (out []time.Duration) {
			for _, n := range s {
				out = append(out, n*time.Second)
			}
			return out
		}
		require.Equal(t, seconds(0, 1, 3, 7, 15, 31, 61, 91), waits, "1 s, doubled, at most 30 s")
		require.Empty(t, outbox.acks)

		pipeline.refuse(nil)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		require.Equal(t, upTo(3), pipeline.accepted)
		require.Equal(t, []uint64{3}, outbox.acks)
		require.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, h.statuses)
		require.NoError(t, r.Shutdown(t.Context()))
		metadatatest.AssertEqualReceiverRemediationAuditRetries(t, tel, []metricdata.DataPoint[int64]{{Value: 8}}, metricdatatest.IgnoreTimestamp())
		_, err := tel.GetMetric("otelcol_receiver_accepted_log_records")
		require.NoError(t, err, "the Collector's own receiver metrics")
	})
}

func TestPermanentRefusalIsCountedAndPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		defer func() { require.NoError(t, tel.Shutdown(t.Context())) }()
		outbox, pipeline := newOutbox(5), &fakePipeline{err: consumererror.NewPermanent(errors.New("malformed"))}
		r := start(t, metadatatest.NewSettings(tel), hostOf(outbox), pipeline)
		synctest.Wait()
		require.Equal(t, []uint64{5}, outbox.acks)
		require.Len(t, pipeline.attempts, 1)

		pipeline.refuse(nil)
		outbox.put(1)
		synctest.Wait()
		require.Equal(t, []int64{6}, pipeline.accepted, "what follows is exported")
		require.NoError(t, r.Shutdown(t.Context()))
		metadatatest.AssertEqualReceiverRemediationAuditRecordsDropped(t, tel, []metricdata.DataPoint[int64]{{Value: 5}}, metricdatatest.IgnoreTimestamp())
	})
}

// A disk that cannot acknowledge must not make the same batch come again and
// again.
func TestFailedAcknowledgementDoesNotExportAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox, pipeline := newOutbox(2), &fakePipeline{}
		outbox.fail(nil, errors.New("input/output error"))
		h := hostOf(outbox)
		r := start(t, nop(), h, pipeline)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, pipeline.attempts, 1)
		outbox.fail(nil, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, []uint64{2}, outbox.acks)
		require.Len(t, pipeline.attempts, 1)
		require.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, h.statuses)
		require.NoError(t, r.Shutdown(t.Context()))
	})
}

func TestUnreadableOutboxIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox, pipeline := newOutbox(2), &fakePipeline{}
		outbox.fail(errors.New("journal is locked"), nil)
		r := start(t, nop(), hostOf(outbox), pipeline)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, pipeline.attempts)
		outbox.fail(nil, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, upTo(2), pipeline.accepted)
		require.NoError(t, r.Shutdown(t.Context()))
	})
}

// Shutdown in each state of the loop returns at once, and whatever was not
// acknowledged comes again after a restart.
func TestShutdownLosesNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		outbox   *fakeOutbox
		pipeline *fakePipeline
	}{
		"waiting for records": {newOutbox(0), &fakePipeline{}},
		"waiting to retry":    {newOutbox(2), &fakePipeline{err: errors.New("down")}},
		"inside the pipeline": {newOutbox(2), &fakePipeline{block: true}},
		"with all exported":   {newOutbox(2), &fakePipeline{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.outbox.wake = make(chan struct{}, 1) // of this bubble
				r := start(t, nop(), hostOf(tt.outbox), tt.pipeline)
				synctest.Wait()
				begin := time.Now()
				require.NoError(t, r.Shutdown(t.Context()))
				require.Zero(t, time.Since(begin))

				waiting := len(tt.outbox.records)
				again := &fakePipeline{}
				r = start(t, nop(), hostOf(tt.outbox), again)
				synctest.Wait()
				require.Len(t, again.accepted, waiting)
				require.Empty(t, tt.outbox.records)
				require.NoError(t, r.Shutdown(t.Context()))
			})
		})
	}
}

// A batch that the pipeline accepted while Shutdown began is acknowledged,
// or each restart would export it twice.
func TestShutdownStillAcknowledges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox := newOutbox(2)
		slow := &slowPipeline{fakePipeline: &fakePipeline{}, takes: time.Second}
		r := start(t, nop(), hostOf(outbox), slow)
		synctest.Wait()
		require.NoError(t, r.Shutdown(t.Context()))
		require.Equal(t, []uint64{2}, outbox.acks)
	})
}

// slowPipeline accepts after a while, whatever the caller says meanwhile.
type slowPipeline struct {
	*fakePipeline
	takes time.Duration
}

func (p *slowPipeline) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	time.Sleep(p.takes)
	return p.fakePipeline.ConsumeLogs(context.WithoutCancel(ctx), ld)
}

func TestShutdownDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowPipeline{fakePipeline: &fakePipeline{}, takes: time.Hour}
		r := start(t, nop(), hostOf(newOutbox(1)), slow)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorContains(t, r.Shutdown(ctx), "the pipeline still holds a batch")
		time.Sleep(2 * time.Hour) // let it end inside the bubble
	})
}

// Each key changes something that can be seen from outside.
func TestKnobs(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "etc"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc/hostname"), []byte("db1\n"), 0o600))
	type seen struct {
		sizes    []int
		limit    int
		attempts int
		host     string
	}
	outcome := func(t *testing.T, turn func(*Config)) (got seen) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			one, two := newOutbox(150), newOutbox(7)
			pipeline := &fakePipeline{err: errors.New("down")}
			h := &host{extensions: map[component.ID]component.Component{
				defaultEngine: one, component.MustNewIDWithName("remediation_engine", "two"): two,
			}}
			r := start(t, nop(), h, pipeline, turn)
			time.Sleep(100 * time.Second)
			synctest.Wait()
			got.attempts = len(pipeline.attempts)
			pipeline.refuse(nil)
			time.Sleep(time.Hour)
			synctest.Wait()
			got.sizes, got.host = pipeline.sizes, pipeline.hosts[0]
			got.limit = append(one.limits, two.limits...)[0]
			require.NoError(t, r.Shutdown(t.Context()))
		})
		return got
	}
	base := outcome(t, func(*Config) {})
	for _, knob := range []struct {
		key  string
		turn func(*Config)
		want func(*seen)
	}{
		{"engine", func(c *Config) { c.Engine = component.MustNewIDWithName("remediation_engine", "two") }, func(s *seen) { s.sizes = []int{7} }},
		{"batch_size", func(c *Config) { c.BatchSize = 75 }, func(s *seen) { s.sizes, s.limit = []int{75, 75}, 75 }},
		{"retry::initial_interval", func(c *Config) { c.Retry.InitialInterval = 20 * time.Second }, func(s *seen) { s.attempts = 4 }}, // 0, 20, 50, 80
		{"retry::max_interval", func(c *Config) { c.Retry.MaxInterval = time.Second }, func(s *seen) { s.attempts = 101 }},
		{"root_path", func(c *Config) { c.RootPath = root }, func(s *seen) { s.host = "db1" }},
	} {
		t.Run(knob.key, func(t *testing.T) {
			want := base
			knob.want(&want)
			got := outcome(t, knob.turn)
			require.Equal(t, want, got)
			require.NotEqual(t, base, got, "%s has no effect", knob.key)
		})
	}
}
