// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
)

// Decision is one log record that the Collector exported about itself.
type Decision struct {
	Time       time.Time
	Name       string // event name
	Text       string
	Attributes map[string]any
}

// Attr is the text of an attribute, "" when it is not there.
func (d Decision) Attr(key string) string {
	if value, ok := d.Attributes[key]; ok {
		return fmt.Sprint(value)
	}
	return ""
}

// decisions follows the file of OTLP JSON lines that holds the decisions.
type decisions struct {
	path   string
	offset int64
}

// more returns what was appended since the last call. A line that is still
// being written is left for the next one.
func (d *decisions) more() ([]Decision, error) {
	file, err := os.Open(d.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.Seek(d.offset, io.SeekStart); err != nil {
		return nil, err
	}
	var out []Decision
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		d.offset += int64(len(line))
		parsed, err := parseDecisions(bytes.TrimSpace(line))
		if err != nil {
			return out, fmt.Errorf("%s: %w", d.path, err)
		}
		out = append(out, parsed...)
	}
}

func parseDecisions(line []byte) ([]Decision, error) {
	logs, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
	if err != nil {
		return nil, err
	}
	var out []Decision
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				out = append(out, Decision{
					Time:       record.Timestamp().AsTime(),
					Name:       record.EventName(),
					Text:       record.Body().AsString(),
					Attributes: record.Attributes().AsRaw(),
				})
			}
		}
	}
	return out, nil
}

// poll is how often the demo looks at files and processes. It bounds the
// error of every time that it reports.
const poll = 50 * time.Millisecond

// until calls done every poll until it is true, errs, or ctx ends.
func until(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
