// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
	"github.com/homeostat/homeostat/extension/actuator/filesystemactuator/internal/metadata"
)

const mib = 1 << 20

// mountTmpfs mounts a real filesystem of size MiB, for the length of a test.
func mountTmpfs(t testing.TB, size int) string {
	t.Helper()
	dir := t.TempDir()
	mountAtDir(t, dir, size)
	return dir
}

func mountAtDir(t testing.TB, dir string, size int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a filesystem needs root")
	}
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", size)))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
}

// recipe removes *.tmp beneath the folder cache of a mountpoint.
func recipe(mountpoint string) RecipeConfig {
	return RecipeConfig{
		Root: filepath.Join(mountpoint, "cache"), Match: []string{"*.tmp"}, MinAge: time.Second, MaxFiles: 1000, MaxBytes: 1 << 30,
	}
}

// started is a running extension with one recipe called "cache".
func started(t testing.TB, r RecipeConfig, manifests string) *filesystemExtension {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.ManifestDirectory = manifests
	cfg.Recipes = map[string]RecipeConfig{"cache": r}
	require.NoError(t, cfg.Validate())
	e := newExtension(cfg, extensiontest.NewNopSettings(metadata.Type))
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(t.Context())) })
	return e
}

func target(mountpoint string) actuator.Target {
	return actuator.Target{Kind: actuator.KindFilesystem, Key: "host" + mountpoint, Attr: map[string]string{actuator.AttrMountpoint: mountpoint}}
}

func cleanRequest(mountpoint string) actuator.Request {
	return actuator.Request{Operation: "op-1", Verb: verbClean, Target: target(mountpoint), Params: actuator.Params{paramRecipe: "cache"}}
}

// put writes a file of some KiB that was last changed age ago.
func put(t testing.TB, name string, kib int, age time.Duration) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, make([]byte, kib<<10), 0o600))
	when := time.Now().Add(-age)
	require.NoError(t, os.Chtimes(name, when, when))
	return name
}

// do plans and executes.
func do(t testing.TB, e *filesystemExtension, req actuator.Request) (actuator.Result, error) {
	t.Helper()
	preview, err := e.Plan(t.Context(), req)
	require.NoError(t, err)
	require.Empty(t, preview.Blockers)
	req.Identity = preview.Identity
	return e.Execute(t.Context(), req)
}

// listing is every file beneath dir with its size, in order.
func listing(t testing.TB, dir string) string {
	t.Helper()
	var lines []string
	require.NoError(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		lines = append(lines, fmt.Sprintf("%q %d", rel, info.Size()))
		return err
	}))
	return strings.Join(lines, "\n")
}
