// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/remediationengine/internal/metadata"
	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/guard"
	"github.com/homeostat/homeostat/internal/incident"
	"github.com/homeostat/homeostat/internal/plan"
	"github.com/homeostat/homeostat/internal/series"
)

// engine is the component: it starts and joins the decision loop, and is what
// the exporter, the audit receiver and the console talk to.
type engine struct {
	cfg *Config
	set extension.Settings
	tel *metadata.TelemetryBuilder

	intake   *intake
	book     *incident.Book
	commands chan command
	durable  atomic.Bool
	known    atomic.Bool
	standing atomic.Pointer[standing]
	beat     atomic.Int64

	// Set by Start and not changed afterwards.
	started time.Time
	plans   []plan.Plan
	loop    *loop
	client  storage.Client
	cancel  context.CancelFunc
	ended   chan struct{} // closed when the loop has ended
	wg      sync.WaitGroup
}

var (
	_ extension.Extension                         = (*engine)(nil)
	_ extensioncapabilities.Dependent             = (*engine)(nil)
	_ extensioncapabilities.ConfigSnapshotWatcher = (*engine)(nil)
	_ finding.Sink                                = (*engine)(nil)
	_ audit.Outbox                                = (*engine)(nil)
)

func newEngine(cfg *Config, set extension.Settings) (*engine, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &engine{
		cfg: cfg, set: set, tel: tel, intake: newIntake(cfg.QueueSize), book: incident.NewBook(cfg.MaxIncidents),
		commands: make(chan command), ended: make(chan struct{}),
	}, nil
}

// Dependencies implements extensioncapabilities.Dependent: storage and
// actuators start before the engine and end after it.
func (e *engine) Dependencies() []component.ID {
	ids := append([]component.ID(nil), e.cfg.Actuators...)
	if e.cfg.Storage != nil {
		ids = append(ids, *e.cfg.Storage)
	}
	return ids
}

// NotifyConfigSnapshot implements extensioncapabilities.ConfigSnapshotWatcher:
// whether the storage extension writes with fsync stands in its configuration
// only.
func (e *engine) NotifyConfigSnapshot(_ context.Context, snapshot extensioncapabilities.ConfigSnapshot) error {
	durable := e.cfg.Storage != nil && fsyncs(snapshot.Effective(), *e.cfg.Storage)
	e.durable.Store(durable)
	e.known.Store(true)
	if e.cfg.Storage != nil && !durable && e.cfg.Mode != plan.Observe.String() {
		e.set.Logger.Warn("verbs that restart or are heavier are withheld: set fsync: true on the storage extension", zap.Stringer("storage", e.cfg.Storage))
	}
	return nil
}

// Start implements component.Component.
func (e *engine) Start(ctx context.Context, host component.Host) error {
	verbs, specs, err := e.actuators(host)
	if err != nil {
		return err
	}
	plans, err := e.cfg.loadPlans()
	if err != nil {
		return err
	}
	if e.plans, err = plan.Bind(plans, specs); err != nil {
		return err
	}
	if err := e.open(ctx, host); err != nil {
		return err
	}
	if err := e.prepare(ctx, host, verbs); err != nil {
		return errors.Join(err, e.closeClient(ctx))
	}
	return nil
}

// actuators finds the configured actuators and who has which verb.
func (e *engine) actuators(host component.Host) (map[string]actuator.Actuator, map[string]actuator.Spec, error) {
	verbs, specs := map[string]actuator.Actuator{}, map[string]actuator.Spec{}
	owner := map[string]component.ID{}
	for i, id := range e.cfg.Actuators {
		found, ok := host.GetExtensions()[id]
		if !ok {
			return nil, nil, fmt.Errorf("actuators[%d]: no extension %q: define it and list it in service::extensions", i, id)
		}
		a, ok := found.(actuator.Actuator)
		if !ok {
			return nil, nil, fmt.Errorf("actuators[%d]: extension %q is no actuator", i, id)
		}
		for _, spec := range a.Specs() {
			if other, taken := owner[spec.Verb]; taken {
				return nil, nil, fmt.Errorf("actuators[%d]: %q and %q both have the verb %s: remove one of them", i, other, id, spec.Verb)
			}
			if spec.Verb == plan.Escalate {
				return nil, nil, fmt.Errorf("actuators[%d]: %q claims the verb %s, which is the engine's own", i, id, spec.Verb)
			}
			owner[spec.Verb], verbs[spec.Verb], specs[spec.Verb] = id, a, spec
		}
	}
	return verbs, specs, nil
}

// open gets the storage client.
func (e *engine) open(ctx context.Context, host component.Host) error {
	if e.cfg.Storage == nil {
		return nil
	}
	found, ok := host.GetExtensions()[*e.cfg.Storage]
	if !ok {
		return fmt.Errorf("storage: no extension %q: define it and list it in service::extensions", e.cfg.Storage)
	}
	keeper, ok := found.(storage.Extension)
	if !ok {
		return fmt.Errorf("storage: extension %q is no storage extension", e.cfg.Storage)
	}
	client, err := keeper.GetClient(ctx, component.KindExtension, e.set.ID, "journal")
	if err != nil {
		return fmt.Errorf("storage: %q: %w", e.cfg.Storage, err)
	}
	e.client = client
	return nil
}

// prepare reads the journal and starts the loop.
func (e *engine) prepare(ctx context.Context, host component.Host, verbs map[string]actuator.Actuator) error {
	now := time.Now().UTC()
	e.started = now
	ceiling, err := plan.ParseMode(e.cfg.Mode)
	if err != nil {
		return fmt.Errorf("mode %w", err)
	}
	forever := context.WithoutCancel(ctx)
	running, cancel := context.WithCancel(forever)
	l := &loop{
		ctx: forever, cfg: e.cfg, log: e.set.Logger, tel: e.tel, around: look(e.cfg.Host, now), started: now,
		ceiling: ceiling, limits: e.limits(), plans: e.plans,
		intake: e.intake, commands: e.commands, book: e.book, durable: &e.durable, known: &e.known,
		standing: &e.standing, beat: &e.beat, report: func(err error) { reportStatus(host, err) },
		digests: map[string]string{}, listen: map[series.Key]map[string]bool{}, busy: map[string]map[string]bool{},
		asked: map[string]time.Time{}, views: map[string]view{},
	}
	for _, p := range e.plans {
		l.digests[p.ID] = p.Digest()
	}
	l.hands = newHands(running, verbs, e.cfg.Workers, func() string {
		if s := e.standing.Load(); s != nil && s.thrown {
			return s.stopped
		}
		return stopFile(e.cfg.StopFile)
	})
	l.recover(ctx, e.client)
	if err := e.observe(); err != nil {
		cancel()
		return err
	}
	e.loop, e.cancel = l, cancel
	l.stand(now)
	l.announce(now)
	e.wg.Go(func() {
		defer close(e.ended)
		l.run(running)
	})
	return nil
}

func (e *engine) limits() guard.Limits {
	l := e.cfg.Limits
	return guard.Limits{
		MaxEvidenceAge: l.MaxEvidenceAge, MaxReceiveAge: l.MaxReceiveAge, WarmUp: l.WarmUp, BootWarmUp: l.BootWarmUp,
		CooldownInitial: l.Cooldown.Initial, CooldownFactor: l.Cooldown.Factor, CooldownMax: l.Cooldown.Max,
		ActionsPerTargetDay: l.ActionsPerTargetDay, ActionsPerHostHour: l.ActionsPerHostHour,
	}
}

func reportStatus(host component.Host, err error) {
	if err != nil {
		componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(err))
		return
	}
	componentstatus.ReportStatus(host, componentstatus.NewEvent(componentstatus.StatusOK))
}

// lastWords is how long Shutdown waits for actuators that were cut off.
const lastWords = 2 * time.Second

// Shutdown implements component.Component. Actuator calls are cut off and may
// still say what became of them; one that hangs is left behind, and its
// action is an intent without an outcome, as after a crash.
func (e *engine) Shutdown(ctx context.Context) error {
	defer e.tel.Shutdown()
	if e.cancel == nil {
		return e.closeClient(ctx)
	}
	e.cancel()
	e.wg.Wait()
	var err error
	if abandoned := e.loop.drain(lastWords); abandoned > 0 {
		err = fmt.Errorf("%d actuator calls do not end", abandoned)
	}
	e.loop.note(time.Now().UTC(), recordStopped, audit.Info, "the engine stopped", nil)
	e.loop.flush()
	e.cancel = nil
	return errors.Join(err, e.closeClient(ctx))
}

// closeClient closes the storage client, unless its disk hangs.
func (e *engine) closeClient(ctx context.Context) error {
	if e.client == nil {
		return nil
	}
	client := e.client
	e.client = nil
	answer := make(chan error, 1)
	go func() { answer <- client.Close(context.WithoutCancel(ctx)) }()
	select {
	case err := <-answer:
		return err
	case <-time.After(lastWords):
		return errors.New("the storage does not close")
	}
}

// Offer implements finding.Sink.
func (e *engine) Offer(findings []finding.Finding) int {
	ctx := context.Background()
	taken, merged, refused := e.intake.offer(findings)
	e.tel.RemediationEngineEvidenceOffered.Add(ctx, int64(len(findings)))
	if merged > 0 {
		e.tel.RemediationEngineEvidenceRefused.Add(ctx, int64(merged), reasonMerged)
	}
	if refused > 0 {
		e.tel.RemediationEngineEvidenceRefused.Add(ctx, int64(refused), reasonFull)
	}
	return taken
}

// Watches implements finding.Sink.
func (e *engine) Watches(key series.Key) bool { return e.intake.watches(key) }

// WatchesAny implements finding.Sink.
func (e *engine) WatchesAny() bool { return e.intake.watchesAny() }

// Next implements audit.Outbox.
func (e *engine) Next(ctx context.Context, limit int) ([]audit.Record, error) {
	if e.loop == nil {
		return nil, errNotRunning
	}
	return e.loop.journal.Outbox().Next(ctx, limit)
}

// Ack implements audit.Outbox.
func (e *engine) Ack(ctx context.Context, seq uint64) error {
	if e.loop == nil {
		return errNotRunning
	}
	return e.loop.journal.Outbox().Ack(ctx, seq)
}
