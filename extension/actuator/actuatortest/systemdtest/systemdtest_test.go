// SPDX-License-Identifier: Apache-2.0

package systemdtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBootTouchesNothingOfTheHost(t *testing.T) {
	mounts := func() string {
		text, err := os.ReadFile("/proc/self/mounts")
		require.NoError(t, err)
		return string(text)
	}
	before := mounts()
	s := Boot(t)
	s.Service("probe.service", "", "Type=oneshot\nExecStart=/bin/sh -c 'echo done > /mnt/proof; touch /tmp/inside'\nRemainAfterExit=yes")
	s.Ctl("start", "probe.service")
	require.Equal(t, "active", s.Show("probe.service", "ActiveState"))
	text, err := os.ReadFile(filepath.Join(s.Dir(), "proof"))
	require.NoError(t, err)
	require.Equal(t, "done", strings.TrimSpace(string(text)))
	require.NoFileExists(t, "/tmp/inside")
	require.Equal(t, before, mounts(), "a mount of the host was changed")
	units := s.Ctl("list-units", "--type=service", "--plain", "--no-legend")
	require.Equal(t, 1, strings.Count(units+"\n", "\n"), "more services run than the test asked for: %s", units)
}
