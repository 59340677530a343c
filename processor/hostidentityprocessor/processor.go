// SPDX-License-Identifier: Apache-2.0

package hostidentityprocessor

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/internal/hostidentity"
	"github.com/homeostat/homeostat/processor/hostidentityprocessor/internal/metadata"
)

// Attributes that the processor sets, as the semantic conventions name them.
const (
	attrHostName = "host.name"
	attrHostID   = "host.id"
	attrOSType   = "os.type"
)

var (
	outcomeStamped = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "stamped")))
	outcomeKept    = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "kept")))
)

// identityProcessor stamps resources. Its fields do not change after start.
type identityProcessor struct {
	cfg       *Config
	logger    *zap.Logger
	said      *said
	telemetry *metadata.TelemetryBuilder
	identity  hostidentity.Identity
}

// said remembers which roots were complained about: the Collector makes one
// processor for each pipeline, and all of them read the same files.
type said struct{ roots sync.Map }

func (s *said) already(root string) bool {
	_, loaded := s.roots.LoadOrStore(root, struct{}{})
	return loaded
}

func newProcessor(set processor.Settings, cfg *Config, said *said) (*identityProcessor, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &identityProcessor{cfg: cfg, logger: set.Logger, said: said, telemetry: telemetry}, nil
}

// start reads the identity once: it cannot change while the host is up, and
// what is missing now (a container without machine-id) stays missing.
func (p *identityProcessor) start(context.Context, component.Host) error {
	identity, err := hostidentity.Read(p.cfg.RootPath)
	if err != nil && !p.said.already(p.cfg.RootPath) {
		p.logger.Warn("The identity of this host is incomplete; telemetry flows on with what is known.", zap.Error(err))
	}
	p.identity = identity
	return nil
}

func (p *identityProcessor) shutdown(context.Context) error {
	p.telemetry.Shutdown()
	return nil
}

func (p *identityProcessor) processMetrics(ctx context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	stamped := 0
	for _, rm := range md.ResourceMetrics().All() {
		stamped += p.stamp(rm.Resource())
	}
	p.count(ctx, stamped, md.ResourceMetrics().Len())
	return md, nil
}

func (p *identityProcessor) processLogs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	stamped := 0
	for _, rl := range ld.ResourceLogs().All() {
		stamped += p.stamp(rl.Resource())
	}
	p.count(ctx, stamped, ld.ResourceLogs().Len())
	return ld, nil
}

func (p *identityProcessor) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	stamped := 0
	for _, rs := range td.ResourceSpans().All() {
		stamped += p.stamp(rs.Resource())
	}
	p.count(ctx, stamped, td.ResourceSpans().Len())
	return td, nil
}

// stamp returns 1 when it wrote our identity onto the resource. A resource
// that names a host in any way is left alone, os.type included: what is
// half-known belongs to whoever knew that half.
func (p *identityProcessor) stamp(resource pcommon.Resource) int {
	attrs := resource.Attributes()
	if !p.cfg.Override && namesHost(attrs) {
		return 0
	}
	if p.identity.Name == "" && p.identity.ID == "" {
		return 0
	}
	if p.cfg.Override {
		// A half of a foreign identity beside a half of ours names no host.
		attrs.Remove(attrHostName)
		attrs.Remove(attrHostID)
	}
	if p.identity.Name != "" {
		attrs.PutStr(attrHostName, p.identity.Name)
	}
	if p.identity.ID != "" {
		attrs.PutStr(attrHostID, p.identity.ID)
	}
	if _, set := attrs.Get(attrOSType); !set || p.cfg.Override {
		attrs.PutStr(attrOSType, p.identity.OSType)
	}
	return 1
}

func namesHost(attrs pcommon.Map) bool {
	if _, ok := attrs.Get(attrHostName); ok {
		return true
	}
	_, ok := attrs.Get(attrHostID)
	return ok
}

func (p *identityProcessor) count(ctx context.Context, stamped, resources int) {
	if stamped > 0 {
		p.telemetry.ProcessorHostIdentityResources.Add(ctx, int64(stamped), outcomeStamped)
	}
	if kept := resources - stamped; kept > 0 {
		p.telemetry.ProcessorHostIdentityResources.Add(ctx, int64(kept), outcomeKept)
	}
}
