// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const readyMessage = "Everything is ready"

// An episode is one, whatever happens to the process in the middle of it.
func TestEpisodeSurvivesReloadAndRestart(t *testing.T) {
	t.Parallel()
	b := startRoundTrip(t)
	id := b.flag(t, "firing", 5000)

	b.Signal(t, syscall.SIGHUP)
	b.Await(t, "the reloaded configuration", func() bool { return strings.Count(b.Output(), readyMessage) == 2 })
	b.AwaitReady(t, b.health)
	require.Equal(t, id, b.flag(t, "firing", 6000), "the episode was forgotten by SIGHUP")

	require.Zero(t, b.Stop(t))
	b.restart(t)
	require.Equal(t, id, b.flag(t, "firing", 7000), "the episode was forgotten by a restart")
	require.Equal(t, id, b.flag(t, "resolved", 1), "the end of the episode has another id")
	require.NotEqual(t, id, b.flag(t, "firing", 8000), "a new episode has the id of an old one")
}

// The Collector stops the old service before it reads the new configuration,
// so a mistake must end the process loudly instead of leaving half of it.
func TestReloadOfBrokenConfigurationEndsTheProcess(t *testing.T) {
	t.Parallel()
	b := startRoundTrip(t)
	text, err := os.ReadFile(b.config)
	require.NoError(t, err)
	broken := strings.Replace(string(text), "condition: value > 1000", `condition: "value >"`, 1)
	require.NotEqual(t, string(text), broken)
	require.NoError(t, os.WriteFile(b.config, []byte(broken), 0o600))
	b.Signal(t, syscall.SIGHUP)
	require.Equal(t, 1, b.Wait(t))
	_, after, _ := strings.Cut(b.Output(), "Config updated")
	require.Contains(t, after, "processors::anomaly")
	require.Contains(t, after, "value >")
}

// flag sends one value of a series that has a rule (above 1000) until a point
// comes out in the wanted state, and returns the id of its episode.
func (b *bench) flag(t *testing.T, state string, value int64) (id string) {
	t.Helper()
	b.Await(t, "a point that is "+state, func() bool {
		md := pmetric.NewMetrics()
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("host.name", "sender")
		m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName("queue.length")
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		p.SetIntValue(value)
		if err := b.client.Send(t.Context(), GRPC, md); err != nil {
			return false // the receiver comes up after the health check says so
		}
		PointAttributes(b.annotated.Metrics(), func(m pmetric.Metric, a pcommon.Map) {
			if m.Name() != "queue.length" || m.Gauge().DataPoints().At(0).IntValue() != value {
				return
			}
			if s, ok := a.Get("anomaly.state"); ok && s.Str() == state {
				v, _ := a.Get("anomaly.id")
				id = v.Str()
			}
		})
		return id != ""
	})
	return id
}
