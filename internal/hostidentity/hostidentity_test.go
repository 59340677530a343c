// SPDX-License-Identifier: Apache-2.0

package hostidentity

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	machineID   = "0123456789abcdef0123456789abcdef"
	dbusID      = "fedcba9876543210fedcba9876543210"
	productUUID = "4c4c4544-0042-3510-8054-b4c04f564433"
)

// hostRoot makes the root of a host that has only these files.
func hostRoot(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		full := filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
		require.NoError(t, os.WriteFile(full, []byte(text), 0o600))
	}
	return root
}

func TestReadID(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"machine id first", map[string]string{"etc/machine-id": machineID + "\n", "var/lib/dbus/machine-id": dbusID, "sys/class/dmi/id/product_uuid": productUUID}, machineID},
		{"then D-Bus", map[string]string{"var/lib/dbus/machine-id": dbusID, "sys/class/dmi/id/product_uuid": productUUID}, dbusID},
		{"then firmware", map[string]string{"sys/class/dmi/id/product_uuid": strings.ToUpper(productUUID) + "\n"}, productUUID},
		{"digits only", map[string]string{"etc/machine-id": "00000000000000000000000000001234\n"}, "00000000000000000000000000001234"},
		{"empty file of an image", map[string]string{"etc/machine-id": "", "var/lib/dbus/machine-id": dbusID}, dbusID},
		{"first boot", map[string]string{"etc/machine-id": "uninitialized\n", "var/lib/dbus/machine-id": dbusID}, dbusID},
		{"zero id", map[string]string{"etc/machine-id": strings.Repeat("0", 32), "var/lib/dbus/machine-id": dbusID}, dbusID},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.files["etc/hostname"] = "db1\n"
			identity, err := Read(hostRoot(t, tt.files))
			require.NoError(t, err)
			require.Equal(t, tt.want, identity.ID)
			require.Equal(t, "db1", identity.Name)
			require.NotEmpty(t, identity.OSType)
		})
	}
}

func TestReadWithoutAnySource(t *testing.T) {
	identity, err := Read(hostRoot(t, nil))
	own, herr := os.Hostname()
	require.NoError(t, herr)
	require.Equal(t, own, identity.Name, "falls back to what the process sees")
	require.Empty(t, identity.ID)
	require.ErrorContains(t, err, "host.name is")
	require.ErrorContains(t, err, "host.id is not set")
	require.ErrorContains(t, err, "root_path")
	for _, source := range idSources {
		require.ErrorContains(t, err, strings.TrimPrefix(source.path, "/"))
	}
}

func TestReadOwnHost(t *testing.T) {
	own, err := os.Hostname()
	require.NoError(t, err)
	for _, root := range []string{"", "/"} {
		identity, _ := Read(root)
		require.Equal(t, own, identity.Name, "root %q", root)
	}
}

// On Debian the D-Bus id is a link to /etc/machine-id. In a container that
// link, followed, ends at the container's own file.
func TestReadStaysBelowRoot(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "machine-id")
	require.NoError(t, os.WriteFile(outside, []byte(machineID), 0o600))
	root := hostRoot(t, map[string]string{"etc/hostname": "db1"})
	require.NoError(t, os.Symlink(outside, filepath.Join(root, "etc/machine-id")))

	identity, err := Read(root)
	require.Empty(t, identity.ID)
	require.ErrorContains(t, err, "escapes")

	inside := hostRoot(t, map[string]string{"etc/hostname": "db1", "usr/machine-id": machineID})
	require.NoError(t, os.MkdirAll(filepath.Join(inside, "etc"), 0o755))
	require.NoError(t, os.Symlink("../usr/machine-id", filepath.Join(inside, "etc/machine-id")))
	identity, err = Read(inside)
	require.NoError(t, err)
	require.Equal(t, machineID, identity.ID, "a relative link within the root is followed")
}

func TestParseHostname(t *testing.T) {
	for text, want := range map[string]string{
		"db1":                        "db1",
		"# set by cloud-init\n\ndb1": "db1",
		" db1.example.org \n":        "db1.example.org",
		"db1\ndb2\n":                 "db1",
	} {
		got, err := parseHostname(text)
		require.NoError(t, err, "%q", text)
		require.Equal(t, want, got, "%q", text)
	}
	for _, text := range []string{"", "\n# nothing\n", strings.Repeat("x", 65), "db 1", "d\x1b[31m", "d\x00b", "ünïcode"} {
		_, err := parseHostname(text)
		require.Error(t, err, "%q", text)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "uninitialized", machineID[:31], machineID + "0", strings.Repeat("g", 32), strings.Repeat("0", 32), "$(reboot)"} {
		_, err := parseMachineID(text)
		require.Error(t, err, "%q", text)
	}
	for _, text := range []string{"", machineID, strings.ReplaceAll(productUUID, "4", "x"), "00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "Not Specified"} {
		_, err := parseProductUUID(text)
		require.Error(t, err, "%q", text)
	}
}

func TestOSType(t *testing.T) {
	for goos, want := range map[string]string{"linux": "linux", "windows": "windows", "darwin": "darwin", "dragonfly": "dragonflybsd", "zos": "z_os"} {
		require.Equal(t, want, osType(goos))
	}
}

// FuzzParse holds every parser to its promise: what it accepts is short,
// printable ASCII, and parses to itself again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{machineID, productUUID, "db1\n", "# c\n\nhost", "uninitialized\n", "", "\x00", strings.Repeat("f", 5000)} {
		f.Add(seed)
	}
	parsers := map[string]func(string) (string, error){"hostname": parseHostname, "machine-id": parseMachineID, "product_uuid": parseProductUUID}
	f.Fuzz(func(t *testing.T, text string) {
		for name, parse := range parsers {
			got, err := parse(text)
			if err != nil {
				require.Empty(t, got)
				continue
			}
			require.NotEmpty(t, got, name)
			require.LessOrEqual(t, len(got), 64, name)
			for _, r := range got {
				require.True(t, r > ' ' && r < 0x7f, "%s accepted %q", name, got)
			}
			again, err := parse(got)
			require.NoError(t, err, name)
			require.Equal(t, got, again, name)
		}
	})
}
