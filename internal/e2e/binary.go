// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// EnvBinary names the environment variable that points at another build of
// the distribution.
const EnvBinary = "HOMEOSTAT_BIN"

// Root is the absolute path of the module that contains the test's working
// directory.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatalf("find the module: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Fatal("find the module: no go.mod above the working directory")
		}
		dir = parent
	}
}

// Binary is the absolute path of the built distribution. The test fails, it
// does not skip, where there is none: a suite that passes without the thing it
// tests proves nothing.
func Binary(tb testing.TB) string {
	tb.Helper()
	path := os.Getenv(EnvBinary)
	if path == "" {
		path = filepath.Join(Root(tb), "bin", "otelcol-homeostat")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		tb.Fatalf("find the distribution: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		tb.Fatalf("no distribution at %s: run `make build` first, or set %s to a built one", path, EnvBinary)
	}
	return path
}
