// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/homeostat/homeostat/extension/remediationengine/internal/metadata"
)

// load reads a configuration as the Collector does.
func load(t *testing.T, keys map[string]any) (*Config, error) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	if err := confmap.NewFromStringMap(keys).Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestTheDefaultIsValidAndDark(t *testing.T) {
	cfg, err := load(t, nil)
	require.NoError(t, err)
	require.Equal(t, "observe", cfg.Mode)
	require.Empty(t, cfg.Actuators)
	require.NoError(t, componenttest.CheckConfigStruct(cfg))
}

func TestBadValuesNameKeyValueAndRemedy(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("plans: [{id: UPPER}]"), 0o600))
	limits := func(key string, value any) map[string]any {
		return map[string]any{"limits": map[string]any{key: value}}
	}
	for _, c := range []struct {
		keys map[string]any
		want string
	}{
		{map[string]any{"mode": "yolo"}, `mode must be observe, approve or auto (got "yolo")`},
		{map[string]any{"mode": "auto"}, "storage must name a storage extension when mode is auto"},
		{map[string]any{"storage": "9"}, "storage"},
		{map[string]any{"modus": "auto"}, "has invalid keys: modus"},
		{map[string]any{"host": map[string]any{"nom": "x"}}, "has invalid keys: nom"},
		{map[string]any{"actuators": []any{"process", "process"}}, `actuators[1] repeats "process": remove it`},
		{map[string]any{"plans": []any{map[string]any{"id": "UPPER"}}}, `plans[0]::id must be 1 to 64 lower-case letters, digits, dots, dashes or underscores (got "UPPER")`},
		{map[string]any{"plans": []any{map[string]any{"step": 1}}}, "plans[0]::step is not a key here (known are: id, match, target, confirm, mode, steps)"},
		{map[string]any{"plan_files": []any{filepath.Join(dir, "*.yml")}}, "matches no file: create one, or remove the entry"},
		{map[string]any{"plan_files": []any{"[a"}}, "plan_files[0] \"[a\" is no file name pattern"},
		{map[string]any{"plan_files": []any{dir}}, "is a directory"},
		{map[string]any{"plan_files": []any{broken}}, "broken.yaml::plans[0]::id must be"},
		{map[string]any{"policy_file": "policy.yaml"}, `policy_file must be an absolute path (got "policy.yaml")`},
		{map[string]any{"stop_file": "stop"}, `stop_file must be an absolute path (got "stop")`},
		{map[string]any{"max_incidents": 0}, "max_incidents must be between 1 and 100000 (got 0)"},
		{map[string]any{"retention": "1s"}, "retention must be at least 1m0s (got 1s)"},
		{map[string]any{"forget_after": "1s"}, "forget_after must be at least 10s (got 1s)"},
		{map[string]any{"approval_timeout": "0s"}, "approval_timeout must be at least 1s (got 0s)"},
		{map[string]any{"journal_timeout": "1m"}, "journal_timeout must be between 10ms and 3s (got 1m0s)"},
		{map[string]any{"workers": 0}, "workers must be between 1 and 64 (got 0)"},
		{map[string]any{"queue_size": 1}, "queue_size must be between 16 and 1000000 (got 1)"},
		{map[string]any{"max_audit_records": 0}, "max_audit_records must be between 16 and 1000000 (got 0)"},
		{limits("max_evidence_age", "0s"), "limits::max_evidence_age must be at least 1s (got 0s)"},
		{limits("max_receive_age", "0s"), "limits::max_receive_age must be at least 1s (got 0s)"},
		{limits("warm_up", "-1s"), "limits::warm_up must be at least 0s (got -1s)"},
		{limits("boot_warm_up", "-1s"), "limits::boot_warm_up must be at least 0s (got -1s)"},
		{limits("fresh_journal_hold", "-1s"), "limits::fresh_journal_hold must be at least 0s (got -1s)"},
		{limits("cooldown", map[string]any{"initial": "-1s"}), "limits::cooldown::initial must be at least 0s (got -1s)"},
		{limits("cooldown", map[string]any{"factor": 0.5}), "limits::cooldown::factor must be between 1 and 10 (got 0.5)"},
		{limits("cooldown", map[string]any{"max": "1m"}), "limits::cooldown::max must be at least limits::cooldown::initial, 10m0s (got 1m0s)"},
		{limits("actions_per_incident", 0), "limits::actions_per_incident must be between 1 and 100 (got 0)"},
		{limits("actions_per_target_day", 0), "limits::actions_per_target_day must be between 1 and 1000 (got 0)"},
		{limits("actions_per_host_hour", 0), "limits::actions_per_host_hour must be between 1 and 1000 (got 0)"},
		{limits("per_day", 0), "has invalid keys: per_day"},
	} {
		_, err := load(t, c.keys)
		require.ErrorContains(t, err, c.want, "%v", c.keys)
	}
}

// host is a component.Host with some extensions.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

func TestStartNamesWhatIsMissing(t *testing.T) {
	other := component.MustNewID("nop")
	nop := struct {
		component.StartFunc
		component.ShutdownFunc
	}{}
	second := component.MustNewIDWithName("fake", "2")
	for want, c := range map[string]struct {
		change func(*Config)
		host   host
	}{
		`storage: no extension "file_storage": define it and list it in service::extensions`:    {func(cfg *Config) { cfg.Storage = &storageID }, host{}},
		`storage: extension "nop" is no storage extension`:                                      {func(cfg *Config) { cfg.Storage = &other }, host{other: nop}},
		`actuators[0]: no extension "fake": define it and list it in service::extensions`:       {func(cfg *Config) { cfg.Actuators = []component.ID{fakeID} }, host{}},
		`actuators[0]: extension "nop" is no actuator`:                                          {func(cfg *Config) { cfg.Actuators = []component.ID{other} }, host{other: nop}},
		`actuators[1]: "fake" and "fake/2" both have the verb fake.explain: remove one of them`: {func(cfg *Config) { cfg.Actuators = []component.ID{fakeID, second} }, host{fakeID: newFake(), second: newFake()}},
		`unknown verb "x.do" (known are: none, because actuators is empty)`: {func(cfg *Config) {
			cfg.Plans = []map[string]any{{"id": "a", "match": []any{`fault="x"`}, "target": map[string]any{"kind": "service", "name": "web"}, "steps": []any{map[string]any{"id": "s", "action": "x.do"}}}}
		}, host{}},
	} {
		cfg := createDefaultConfig().(*Config)
		c.change(cfg)
		set := extensiontest.NewNopSettings(metadata.Type)
		e, err := newEngine(cfg, set)
		require.NoError(t, err)
		require.ErrorContains(t, e.Start(t.Context(), c.host), want)
		require.NoError(t, e.Shutdown(t.Context()))
	}
}

func TestStorageAndActuatorsStartFirst(t *testing.T) {
	e, err := newEngine(&Config{Storage: &storageID, Actuators: []component.ID{fakeID}, QueueSize: 16, MaxIncidents: 1}, extensiontest.NewNopSettings(metadata.Type))
	require.NoError(t, err)
	require.ElementsMatch(t, []component.ID{storageID, fakeID}, e.Dependencies())
	require.NoError(t, e.Shutdown(t.Context()))
}

func TestFsyncIsReadFromTheEffectiveConfiguration(t *testing.T) {
	for _, c := range []struct {
		name string
		keys any
		want bool
	}{
		{"file_storage", map[string]any{"fsync": true}, true},
		{"file_storage", map[string]any{"fsync": false}, false},
		{"file_storage", map[string]any{"fsync": "true"}, false},
		{"file_storage", map[string]any{}, false},
		{"file_storage", nil, false},
		{"file_storage/other", map[string]any{"fsync": true}, false},
	} {
		conf := confmap.NewFromStringMap(map[string]any{"extensions": map[string]any{c.name: c.keys}})
		require.Equal(t, c.want, fsyncs(conf, storageID), "%v", c)
	}
	require.False(t, fsyncs(confmap.New(), storageID))
}

func TestLookKnowsThisHost(t *testing.T) {
	now := time.Now()
	s := look(HostConfig{Name: "n", ID: "i"}, now)
	require.Equal(t, "n", s.host.Name)
	require.Equal(t, "i", s.host.ID)
	require.NotEmpty(t, s.boot)
	require.True(t, s.booted.Before(now))
	name, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, name, look(HostConfig{}, now).host.Name)
}
