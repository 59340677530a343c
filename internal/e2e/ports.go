// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The kernel hands out 32768 and up to outgoing connections by default; a port
// below cannot be taken by one between our look and the process's bind.
const (
	lowestPort  = 20000
	highestPort = 32000
)

var (
	issuedMu sync.Mutex // guards issued
	issued   = map[int]bool{}
)

// FreeAddress is a loopback address that nothing listens on, and that this
// test binary has not handed out before.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	issuedMu.Lock()
	defer issuedMu.Unlock()
	for range 10 * (highestPort - lowestPort) {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if issued[port] {
			continue
		}
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		_ = listener.Close()
		issued[port] = true
		return addr
	}
	tb.Fatal("no free loopback port")
	return ""
}

// WriteFile puts text into dir/name after replacing each {{key}} with its
// value, and returns the path. A key that is left over fails the test.
func WriteFile(tb testing.TB, dir, name, text string, values map[string]string) string {
	tb.Helper()
	for key, value := range values {
		text = strings.ReplaceAll(text, "{{"+key+"}}", value)
	}
	if _, rest, found := strings.Cut(text, "{{"); found {
		key, _, _ := strings.Cut(rest, "}}")
		tb.Fatalf("%s: no value for {{%s}}", name, key)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
	return path
}
