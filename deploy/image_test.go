// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/e2e"
)

// The image that make image builds starts as nobody, with its default command,
// in a root filesystem that it may not write to but for its state.
func TestImage(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to run podman without a user session")
	}
	for _, tool := range []string{"podman", "runc", "make"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	e2e.Binary(t)
	dir := t.TempDir()
	engine := []string{
		"podman", "--root=" + filepath.Join(dir, "root"), "--runroot=" + filepath.Join(dir, "run"),
		"--cgroup-manager=cgroupfs", "--runtime=runc", "--storage-driver=vfs",
	}
	podman := func(args ...string) string {
		t.Helper()
		output, err := exec.CommandContext(t.Context(), engine[0], append(engine[1:], args...)...).CombinedOutput()
		require.NoError(t, err, "podman %s:\n%s", strings.Join(args, " "), output)
		return string(output)
	}

	build := exec.CommandContext(t.Context(), "make", "-C", e2e.Root(t), "image", "CONTAINER="+strings.Join(engine, " "))
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	fields := strings.Fields(podman("images", "--noheading", "--format={{.Repository}}:{{.Tag}}"))
	require.Len(t, fields, 1)
	image := fields[0]

	sandbox := []string{"--network=none", "--read-only", "--cap-drop=all", "--ulimit=nofile=20000:20000", "--ulimit=nproc=10000:10000"}
	podman(append(append([]string{"run", "--rm"}, sandbox...), image, "validate", "--config", "/etc/homeostat/config.yaml")...)
	require.Equal(t, "65532:65532", strings.TrimSpace(podman("inspect", "--format={{.Config.User}}", image)))

	id := strings.TrimSpace(podman(append(append([]string{"run", "--detach", "--volume=state:/var/lib/homeostat"}, sandbox...), image)...))
	t.Cleanup(func() {
		cleanup := exec.Command(engine[0], append(engine[1:], "rm", "--force", "--time=20", id)...)
		output, err := cleanup.CombinedOutput()
		require.NoError(t, err, "%s", output)
	})
	var logs []byte
	require.Eventually(t, func() bool {
		output, err := exec.CommandContext(t.Context(), engine[0], append(engine[1:], "logs", id)...).CombinedOutput()
		logs = output
		return err == nil && bytes.Contains(output, []byte("Everything is ready"))
	}, time.Minute, 500*time.Millisecond)
	require.NotContains(t, string(logs), "permission denied")
}
