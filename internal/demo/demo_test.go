// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// TestDemo runs `homeostatctl demo` as a user does, and holds what it tells
// against the OTLP that the Collector exported.
func TestDemo(t *testing.T) {
	ctl, collector := binary(t, "homeostatctl"), binary(t, "otelcol-homeostat")
	if _, err := exec.LookPath("stress-ng"); err != nil {
		t.Skip("the demo needs stress-ng (apt install stress-ng)")
	}
	if os.Geteuid() != 0 {
		t.Skip("the demo needs namespaces of its own, which only root is sure to get")
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), ctl, "demo", "--binary", collector, "--dir", dir)
	var told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &told, &told
	require.NoError(t, cmd.Run(), "%s", &told)
	t.Logf("%s", &told)

	t.Run("in observe mode nothing is executed that changes anything", func(t *testing.T) {
		would := map[string]bool{}
		for _, d := range exported(t, dir, "observe") {
			if d.Attr(attrImpact) == "observe" {
				continue
			}
			require.NotEqual(t, eventExecuted, d.Name, "%s", d.Text)
			if d.Name == eventWouldExecute {
				would[d.Attr(attrFault)] = true
			}
		}
		require.Equal(t, map[string]bool{"runaway_process": true, "service_down": true, "disk_full": true}, would)
	})

	t.Run("in auto mode each fault has one story that ends resolved", func(t *testing.T) {
		stories := map[string][]string{}
		incidents := map[string]map[string]bool{}
		for _, d := range exported(t, dir, "auto") {
			fault := d.Attr(attrFault)
			if fault == "" {
				continue
			}
			if incidents[fault] == nil {
				incidents[fault] = map[string]bool{}
			}
			incidents[fault][d.Attr(attrIncident)] = true
			if d.Name == eventExecuted {
				stories[fault] = append(stories[fault], d.Attr(attrAction))
			}
			if d.Name == eventResolved {
				stories[fault] = append(stories[fault], "resolved")
			}
			require.NotEqual(t, eventEscalated, d.Name, "%s", d.Text)
		}
		require.Equal(t, map[string][]string{
			"runaway_process": {"process.explain", "process.signal", "resolved"},
			"service_down":    {"process.start", "resolved"},
			"disk_full":       {"filesystem.explain", "filesystem.clean", "resolved"},
		}, stories)
		for fault, ids := range incidents {
			require.Len(t, ids, 1, "%s is one incident from beginning to end", fault)
		}
	})

	t.Run("what was told is what was exported", func(t *testing.T) {
		for _, d := range exported(t, dir, "auto") {
			if d.Name == eventResolved {
				require.Contains(t, told.String(), d.Text)
			}
		}
		for _, title := range []string{"runaway process", "service down", "filesystem full"} {
			require.Regexp(t, `(?m)^  `+title+` +\d+\.\d\d s +\d+\.\d\d s +\d+\.\d\d s +\d+\.\d\d s +\S`, told.String())
		}
	})

	t.Run("annotations are on the copy only, companions at the backend", func(t *testing.T) {
		names, annotated := metrics(t, filepath.Join(dir, "auto", "metrics.jsonl"))
		require.Contains(t, names, "anomaly.score")
		require.Contains(t, names, "anomaly.detections")
		require.Contains(t, names, "process.cpu.time")
		require.Empty(t, annotated, "source data must reach the backend untouched")
		_, annotated = metrics(t, filepath.Join(dir, "auto", "detection.jsonl"))
		for _, metric := range []string{"process.cpu.time", "process.memory.usage", "system.filesystem.utilization"} {
			require.Contains(t, annotated, metric)
		}
	})
}

// binary is the path of one that `make build` has made.
func binary(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
	require.NoError(t, err)
	require.FileExists(t, path, "run make build first")
	return path
}

func exported(t *testing.T, dir, mode string) []Decision {
	t.Helper()
	log := &decisions{path: filepath.Join(dir, mode, "decisions.jsonl")}
	all, err := log.more()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// metrics reads OTLP JSON lines and returns the names of all metrics, and of
// those with a source point that carries an annotation.
func metrics(t *testing.T, path string) (names, annotated map[string]bool) {
	t.Helper()
	names, annotated = map[string]bool{}, map[string]bool{}
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return names, annotated
		}
		require.NoError(t, err)
		md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(line)
		require.NoError(t, err)
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					names[m.Name()] = true
					if !strings.HasPrefix(m.Name(), "anomaly.") && hasState(m) {
						annotated[m.Name()] = true
					}
				}
			}
		}
	}
}

func hasState(m pmetric.Metric) bool {
	points := pmetric.NewNumberDataPointSlice()
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		points = m.Gauge().DataPoints()
	case pmetric.MetricTypeSum:
		points = m.Sum().DataPoints()
	default: // the demo scrapes no others
	}
	for _, p := range points.All() {
		if _, ok := p.Attributes().Get("anomaly.state"); ok {
			return true
		}
	}
	return false
}

func TestDecisionsLeaveUnfinishedLines(t *testing.T) {
	const whole = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1000000000","eventName":"remediation.incident.opened","body":{"stringValue":"text"},"attributes":[{"key":"incident.id","value":{"stringValue":"a1"}}]}]}]}]}` + "\n"
	path := filepath.Join(t.TempDir(), "decisions.jsonl")
	log := &decisions{path: path}
	got, err := log.more()
	require.NoError(t, err, "the file may not be there yet")
	require.Empty(t, got)

	require.NoError(t, os.WriteFile(path, []byte(whole+whole[:40]), 0o600))
	got, err = log.more()
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, eventOpened, got[0].Name)
	require.Equal(t, "a1", got[0].Attr(attrIncident))
	require.Equal(t, time.Unix(1, 0).UTC(), got[0].Time)

	require.NoError(t, os.WriteFile(path, []byte(whole+whole), 0o600))
	got, err = log.more()
	require.NoError(t, err)
	require.Len(t, got, 1, "the line that was unfinished, and no other")
}

func FuzzParseDecisions(f *testing.F) {
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"a","attributes":[{"key":"k","value":{"intValue":"1"}}]}]}]}]}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, line []byte) {
		decisions, err := parseDecisions(line)
		if err != nil {
			require.Empty(t, decisions)
		}
		for _, d := range decisions {
			_ = d.Attr(attrIncident)
		}
	})
}
