// SPDX-License-Identifier: Apache-2.0

package consoleextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/extension/consoleextension/internal/metadata"
	api "github.com/homeostat/homeostat/internal/console"
	"github.com/homeostat/homeostat/internal/operate"
)

// console serves the operator's desk of an engine. Its fields do not change
// after Start.
type console struct {
	cfg       *Config
	set       extension.Settings
	telemetry *metadata.TelemetryBuilder

	server   *http.Server // nil before Start
	listener net.Listener
	serving  sync.WaitGroup
}

var _ extensioncapabilities.Dependent = (*console)(nil)

func newConsole(set extension.Settings, cfg *Config) (*console, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &console{cfg: cfg, set: set, telemetry: telemetry}, nil
}

// Dependencies makes the Collector start the engine, and whoever
// authenticates, before the door opens, and stop them after it has closed.
func (c *console) Dependencies() []component.ID {
	ids := []component.ID{c.cfg.Engine}
	if c.cfg.HTTP.Auth.HasValue() {
		ids = append(ids, c.cfg.HTTP.Auth.Get().AuthenticatorID)
	}
	return ids
}

// Start finds the engine among the extensions of the host, and listens.
func (c *console) Start(ctx context.Context, host component.Host) error {
	ext, found := host.GetExtensions()[c.cfg.Engine]
	if !found {
		return fmt.Errorf("engine: no extension %q is running; add it to extensions and service::extensions, or name the id of the remediation engine", c.cfg.Engine)
	}
	desk, ok := ext.(operate.Desk)
	if !ok {
		return fmt.Errorf("engine: extension %q has no operator's desk; name the id of a remediation engine", c.cfg.Engine)
	}
	authenticated := c.cfg.HTTP.Auth.HasValue()
	handler := api.NewHandler(api.Settings{
		Desk:      desk,
		By:        by(authenticated),
		LocalOnly: !authenticated,
		MaxBody:   c.cfg.HTTP.MaxRequestBodySize,
		Decided:   c.count,
	})
	server, err := c.cfg.HTTP.ToServer(ctx, host.GetExtensions(), c.set.TelemetrySettings, handler, confighttp.WithErrorHandler(refuse))
	if err != nil {
		return err
	}
	server.ConnContext = rememberPeer
	listener, err := c.listen(ctx)
	if err != nil {
		return fmt.Errorf("endpoint: cannot listen on %s: %w", c.cfg.HTTP.NetAddr.Endpoint, err)
	}
	c.server, c.listener = server, listener
	c.serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			// Telemetry and repair go on: only the door is closed.
			componentstatus.ReportStatus(host, componentstatus.NewPermanentErrorEvent(fmt.Errorf("the console has stopped: %w", err)))
		}
	})
	c.set.Logger.Info("The console listens.", zap.Stringer("address", listener.Addr()), zap.Bool("authenticated", authenticated))
	return nil
}

func (c *console) listen(ctx context.Context) (net.Listener, error) {
	endpoint := c.cfg.HTTP.NetAddr.Endpoint
	socket := c.cfg.HTTP.NetAddr.Transport == confignet.TransportTypeUnix
	if socket {
		if err := removeStale(endpoint); err != nil {
			return nil, err
		}
	}
	listener, err := c.cfg.HTTP.ToListener(ctx)
	if err != nil {
		return nil, err
	}
	if socket {
		err = os.Chmod(endpoint, socketMode)
	} else if tcp, ok := listener.Addr().(*net.TCPAddr); ok && !c.cfg.HTTP.Auth.HasValue() && !tcp.IP.IsLoopback() {
		// A name that is local by convention may still resolve elsewhere.
		err = fmt.Errorf("it resolves to %s, which other machines can reach, and there is no auth: use 127.0.0.1 or [::1]", tcp.IP)
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// Shutdown lets requests under way finish, within ctx, and joins.
func (c *console) Shutdown(ctx context.Context) error {
	defer c.telemetry.Shutdown()
	if c.server == nil {
		return nil
	}
	err := c.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, c.server.Close())
	}
	c.serving.Wait()
	return err
}

func (c *console) count(ctx context.Context, decision string, outcome api.Outcome) {
	c.telemetry.ExtensionConsoleDecisions.Add(ctx, 1, metric.WithAttributes(
		attribute.String("decision", decision), attribute.String("outcome", string(outcome))))
}

// refuse answers where a request did not get as far as the handler: it was
// not authenticated, or is compressed in a way that nobody understands.
func refuse(w http.ResponseWriter, _ *http.Request, message string, status int) {
	problem := &api.Problem{
		Type: api.ProblemMalformed, Title: "The request cannot be read", Status: status,
		Detail: message, Remedy: "send the body uncompressed",
	}
	if status == http.StatusUnauthorized {
		problem.Type, problem.Title = api.ProblemUnauthenticated, "The request is not authenticated"
		problem.Remedy = "send what the auth extension of the console asks for"
	}
	api.WriteProblem(w, problem)
}
