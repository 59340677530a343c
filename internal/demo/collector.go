// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

//go:embed config.yaml
var configYAML []byte

// collector is the distribution under way with the demo's configuration.
type collector struct {
	cmd  *exec.Cmd
	log  string        // path of its log
	done chan struct{} // closed when it has ended
	err  error         // how it ended; read after done
}

// startCollector runs binary in mode and waits until it is healthy.
func startCollector(ctx context.Context, binary, mode string, w *workspace) (*collector, error) {
	config := filepath.Join(w.dir, "config.yaml")
	if err := os.WriteFile(config, configYAML, 0o600); err != nil {
		return nil, err
	}
	out := filepath.Join(w.dir, mode)
	if err := os.MkdirAll(out, 0o700); err != nil {
		return nil, err
	}
	c := &collector{log: filepath.Join(out, "collector.log"), done: make(chan struct{})}
	log, err := os.Create(c.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c.cmd = exec.Command(binary, "--config", config)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.Env = append(os.Environ(),
		"HOMEOSTAT_DEMO_MODE="+mode,
		"HOMEOSTAT_DEMO_DIR="+w.dir,
		"HOMEOSTAT_DEMO_OUT="+out,
		"HOMEOSTAT_DEMO_SCRATCH="+w.scratch,
		"HOMEOSTAT_DEMO_ECHO="+w.echoAddress,
		"HOMEOSTAT_DEMO_HEALTH="+w.healthAddress,
		// The library reads the mounts of process 1 by default; ours are elsewhere.
		"HOST_PROC_MOUNTINFO=/proc/self/mountinfo",
	)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w (make build makes it)", binary, err)
	}
	go func() {
		defer close(c.done)
		c.err = c.cmd.Wait()
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("not healthy within 30 s"))
	defer cancel()
	if err := until(ctx, func() (bool, error) { return c.healthy(w.healthAddress) }); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w; the end of its log:\n%s", binary, err, c.tail()), c.stop())
	}
	return c, nil
}

func (c *collector) healthy(address string) (bool, error) {
	select {
	case <-c.done:
		return false, fmt.Errorf("ended: %w", c.err)
	default:
	}
	response, err := http.Get("http://" + address)
	if err != nil {
		return false, nil //nolint:nilerr // not listening yet
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK, nil
}

// stop asks the Collector to end and insists after 15 s.
func (c *collector) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
		return c.err
	case <-time.After(15 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
		return fmt.Errorf("the Collector did not stop within 15 s; the end of its log:\n%s", c.tail())
	}
}

func (c *collector) tail() string {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
