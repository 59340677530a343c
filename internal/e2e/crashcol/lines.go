// SPDX-License-Identifier: Apache-2.0

package crashcol

import (
	"context"
	"errors"
	"os"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
)

// linesConfig of the lines exporter.
type linesConfig struct {
	// File gets one line of OTLP JSON for each batch of log records. It is
	// written before the batch is acknowledged, and appended to by the next
	// process: the audit trail of all lives of the Collector.
	File string `mapstructure:"file"`
}

func newLinesFactory() exporter.Factory {
	return exporter.NewFactory(
		component.MustNewType("lines"),
		func() component.Config { return &linesConfig{} },
		exporter.WithLogs(func(_ context.Context, _ exporter.Settings, cfg component.Config) (exporter.Logs, error) {
			return &lines{file: cfg.(*linesConfig).File}, nil
		}, component.StabilityLevelDevelopment),
	)
}

type lines struct {
	file string
	mu   sync.Mutex // one line at a time
}

func (l *lines) Start(context.Context, component.Host) error { return nil }
func (l *lines) Shutdown(context.Context) error              { return nil }
func (l *lines) Capabilities() consumer.Capabilities         { return consumer.Capabilities{} }

func (l *lines) ConsumeLogs(_ context.Context, ld plog.Logs) (err error) {
	line, err := (&plog.JSONMarshaler{}).MarshalLogs(ld)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := os.OpenFile(l.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// A kill can cut a long write short; the newline in front keeps the next
	// line whole, and what was cut off is delivered again.
	_, err = f.WriteString("\n" + string(line) + "\n")
	return err
}
