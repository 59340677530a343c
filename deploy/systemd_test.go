// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/e2e"
)

// maxExposure is what systemd-analyze may think of the unit without drop-ins,
// on its scale from 0 (safe) to 100. Watching a host needs the network, other
// processes and the mounts of others, which is what the rest is made of.
const maxExposure = "20"

// analyse runs systemd-analyze and returns what it says.
func analyse(t *testing.T, args ...string) string {
	t.Helper()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("needs systemd-analyze (Debian: systemd)")
	}
	output, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
	require.NoError(t, err, "%s", output)
	return string(output)
}

// install puts the unit, with drop-ins or without, where the built binary is
// what it starts, and returns its path.
func install(t *testing.T, dropIns ...string) string {
	t.Helper()
	dir := t.TempDir()
	unit := strings.ReplaceAll(read(t, "systemd/homeostat.service"), "/usr/bin/otelcol-homeostat", e2e.Binary(t))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "homeostat.service"), []byte(unit), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "homeostat.service.d"), 0o700))
	for _, name := range dropIns {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "homeostat.service.d", filepath.Base(name)), []byte(read(t, name)), 0o600))
	}
	return filepath.Join(dir, "homeostat.service")
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(content)
}

func dropIns(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("systemd/drop-ins/*.conf")
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found
}

func TestUnitIsValid(t *testing.T) {
	for _, unit := range []string{install(t), install(t, dropIns(t)...)} {
		// What it only warns of, such as an unknown key, is an error to us.
		require.NotContains(t, analyse(t, "verify", unit), filepath.Dir(unit))
	}
}

func TestUnitIsHardened(t *testing.T) {
	analyse(t, "security", "--offline=true", "--no-pager", "--threshold="+maxExposure, install(t))
}

// A reload ends the old pipelines before it builds the new ones, so a
// configuration must have been validated by then.
func TestUnitValidatesBeforeItLoads(t *testing.T) {
	unit := read(t, "systemd/homeostat.service")
	const validate = "/usr/bin/otelcol-homeostat validate --config /etc/homeostat/config.yaml"
	commands := regexp.MustCompile(`(?m)^(Exec\w+)=(.*)$`).FindAllStringSubmatch(unit, -1)
	var got [][2]string
	for _, command := range commands {
		got = append(got, [2]string{command[1], command[2]})
	}
	require.Equal(t, [][2]string{
		{"ExecStartPre", validate},
		{"ExecStart", "/usr/bin/otelcol-homeostat --config /etc/homeostat/config.yaml"},
		{"ExecReload", validate},
		{"ExecReload", "/bin/kill -HUP $MAINPID"},
	}, got)
}

// Every capability that a drop-in grants is both allowed and given, and
// explained where people look.
func TestDropInsGrantWhatIsDocumented(t *testing.T) {
	privileges := read(t, "../docs/privileges.md")
	capability := regexp.MustCompile(`CAP_[A-Z_]+`)
	for _, name := range dropIns(t) {
		text := read(t, name)
		bounding := regexp.MustCompile(`(?m)^CapabilityBoundingSet=(.*)$`).FindStringSubmatch(text)
		ambient := regexp.MustCompile(`(?m)^AmbientCapabilities=(.*)$`).FindStringSubmatch(text)
		require.NotNil(t, bounding, name)
		require.NotNil(t, ambient, name)
		require.Equal(t, bounding[1], ambient[1], "%s: a capability in one line only has no effect", name)
		for _, granted := range capability.FindAllString(bounding[1], -1) {
			require.Contains(t, privileges, "`"+granted+"`", "%s grants it", name)
		}
	}
}
