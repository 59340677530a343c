// SPDX-License-Identifier: Apache-2.0

package remediationauditreceiver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/internal/audit"
	"github.com/homeostat/homeostat/internal/hostidentity"
	"github.com/homeostat/homeostat/receiver/remediationauditreceiver/internal/metadata"
)

const (
	format = "audit" // of the data, in the Collector's own receiver metrics

	// ackTimeout bounds the last acknowledgement at shutdown: it must not be
	// lost, or the batch comes twice, and must not hang on a broken disk.
	ackTimeout = 5 * time.Second
)

// auditReceiver moves records from the outbox to the pipeline with a single
// goroutine, which is what keeps them in order.
type auditReceiver struct {
	cfg       *Config
	set       receiver.Settings
	next      consumer.Logs
	telemetry *metadata.TelemetryBuilder
	obsreport *receiverhelper.ObsReport

	cancel context.CancelFunc // nil before Start
	loop   sync.WaitGroup
}

func newReceiver(set receiver.Settings, cfg *Config, next consumer.Logs) (*auditReceiver, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	obsreport, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             set.ID,
		Transport:              "outbox",
		LongLivedCtx:           true,
		ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, err
	}
	return &auditReceiver{cfg: cfg, set: set, next: next, telemetry: telemetry, obsreport: obsreport}, nil
}

// Start finds the engine among the extensions of the host and starts to
// export its outbox.
func (r *auditReceiver) Start(ctx context.Context, host component.Host) error {
	ext, found := host.GetExtensions()[r.cfg.Engine]
	if !found {
		return fmt.Errorf("engine: no extension %q is running; add it to extensions and service::extensions, or name the id of the remediation engine", r.cfg.Engine)
	}
	outbox, ok := ext.(audit.Outbox)
	if !ok {
		return fmt.Errorf("engine: extension %q has no audit outbox; name the id of a remediation engine", r.cfg.Engine)
	}
	identity, err := hostidentity.Read(r.cfg.RootPath)
	if err != nil {
		r.set.Logger.Warn("Audit records carry an incomplete identity of this host.", zap.Error(err))
	}
	// What Start is given ends when Start does; the loop lives on.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	p := pump{
		receiver: r,
		host:     host,
		outbox:   outbox,
		origin:   origin{host: identity, version: r.set.BuildInfo.Version},
	}
	r.loop.Go(func() { p.run(ctx) })
	return nil
}

// Shutdown stops the export and waits for it. What was not acknowledged
// stays in the outbox and comes again after the next start.
func (r *auditReceiver) Shutdown(ctx context.Context) error {
	defer r.telemetry.Shutdown()
	if r.cancel == nil {
		return nil
	}
	r.cancel()
	joined := make(chan struct{})
	go func() { r.loop.Wait(); close(joined) }()
	select {
	case <-joined:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the pipeline still holds a batch of audit records: %w", ctx.Err())
	}
}

// pump is the loop and what it alone uses.
type pump struct {
	receiver *auditReceiver
	host     component.Host
	outbox   audit.Outbox
	origin   origin
	failing  bool // the last attempt at anything failed
}

func (p *pump) run(ctx context.Context) {
	for {
		var records []audit.Record
		ok := p.insist(ctx, "read the outbox", func() (err error) {
			records, err = p.outbox.Next(ctx, p.receiver.cfg.BatchSize)
			return err
		})
		if !ok {
			return
		}
		if len(records) == 0 {
			continue
		}
		if !p.insist(ctx, "hand records to the pipeline", func() error { return p.deliver(ctx, records) }) {
			return
		}
		// Insisting on the acknowledgement, rather than reading again, keeps
		// a broken disk from exporting the same batch over and over.
		last := records[len(records)-1].Seq
		if !p.insist(ctx, "acknowledge records", func() error { return p.ack(ctx, last) }) {
			return
		}
	}
}

// deliver hands the batch to the pipeline. A batch that the pipeline refuses
// for good is given up, or nothing after it would ever be exported.
func (p *pump) deliver(ctx context.Context, records []audit.Record) error {
	r := p.receiver
	opCtx := r.obsreport.StartLogsOp(ctx)
	err := r.next.ConsumeLogs(opCtx, p.origin.logs(records, time.Now()))
	r.obsreport.EndLogsOp(opCtx, format, len(records), err)
	if err == nil || !consumererror.IsPermanent(err) {
		return err
	}
	r.telemetry.ReceiverRemediationAuditRecordsDropped.Add(ctx, int64(len(records)))
	r.set.Logger.Error("The pipeline refused audit records for good; they are not exported.",
		zap.Uint64("first_seq", records[0].Seq), zap.Uint64("last_seq", records[len(records)-1].Seq), zap.Error(err))
	return nil
}

func (p *pump) ack(ctx context.Context, seq uint64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
	defer cancel()
	return p.outbox.Ack(ctx, seq)
}

// insist calls op until it succeeds, and reports false when ctx ended first.
func (p *pump) insist(ctx context.Context, what string, op func() error) bool {
	wait := p.receiver.cfg.Retry.InitialInterval
	for {
		err := op()
		if err == nil {
			p.tell(nil)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		p.tell(fmt.Errorf("cannot %s: %w", what, err))
		p.receiver.telemetry.ReceiverRemediationAuditRetries.Add(ctx, 1)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
		wait = min(2*wait, p.receiver.cfg.Retry.MaxInterval)
	}
}

// tell reports the component's status when it changes.
func (p *pump) tell(err error) {
	if failing := err != nil; failing == p.failing {
		return
	}
	p.failing = err != nil
	if err != nil {
		p.receiver.set.Logger.Warn("Audit records wait in the outbox.", zap.Error(err))
		componentstatus.ReportStatus(p.host, componentstatus.NewRecoverableErrorEvent(err))
		return
	}
	p.receiver.set.Logger.Info("Audit records flow again.")
	componentstatus.ReportStatus(p.host, componentstatus.NewEvent(componentstatus.StatusOK))
}
