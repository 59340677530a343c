// SPDX-License-Identifier: Apache-2.0

package consoleextension

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/homeostat/homeostat/extension/consoleextension/internal/metadata"
	"github.com/homeostat/homeostat/extension/consoleextension/internal/metadatatest"
	api "github.com/homeostat/homeostat/internal/console"
	"github.com/homeostat/homeostat/internal/console/consoletest"
)

// fakeEngine is an extension with a desk.
type fakeEngine struct {
	component.StartFunc
	component.ShutdownFunc
	*consoletest.Desk
}

// bystander is an extension without one.
type bystander struct {
	component.StartFunc
	component.ShutdownFunc
}

// host has extensions and collects the statuses that are reported to it.
type host struct {
	extensions map[component.ID]component.Component
	mu         sync.Mutex // guards events
	events     []*componentstatus.Event
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *host) Report(ev *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, ev)
}

func (h *host) reported() []*componentstatus.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events
}

// fakeAuth is an auth extension that knows the tokens alice and anonymous;
// for the latter, as for any shared token, it knows no name.
type fakeAuth struct {
	component.StartFunc
	component.ShutdownFunc
}

var _ extensionauth.Server = fakeAuth{}

func (fakeAuth) Authenticate(ctx context.Context, headers map[string][]string) (context.Context, error) {
	switch token := http.Header(headers).Get("Authorization"); token {
	case "Bearer anonymous":
		return ctx, nil
	case "Bearer alice":
		return client.NewContext(ctx, client.Info{Auth: authData{"username": "alice", "raw": "s3cret"}}), nil
	default:
		return ctx, errors.New("unknown token")
	}
}

// authData is what an auth extension knows of a request.
type authData map[string]any

func (d authData) GetAttribute(name string) any { return d[name] }
func (d authData) GetAttributeNames() []string  { return nil }

func nop() extension.Settings { return extensiontest.NewNopSettings(metadata.Type) }

// running is a started console with the desk that it serves.
type running struct {
	*console
	address net.Addr // where a client on this machine reaches it
	desk    *consoletest.Desk
	host    *host
}

// start starts a console on a free port, unless values say otherwise.
func start(t *testing.T, set extension.Settings, values map[string]any) running {
	t.Helper()
	desk := consoletest.NewDesk()
	h := &host{extensions: map[component.ID]component.Component{
		defaultEngine:                 fakeEngine{Desk: desk},
		component.MustNewID("tokens"): fakeAuth{},
	}}
	all := map[string]any{"endpoint": "127.0.0.1:0"}
	maps.Copy(all, values)
	cfg, err := load(all)
	require.NoError(t, err)
	ext, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), h))
	t.Cleanup(func() { require.NoError(t, ext.Shutdown(context.WithoutCancel(t.Context()))) })
	return running{console: ext.(*console), address: reachable(ext.(*console).listener.Addr()), desk: desk, host: h}
}

// reachable replaces the address that stands for all of them.
func reachable(address net.Addr) net.Addr {
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: tcp.Port}
	}
	return address
}

// endpoint is where homeostatctl would look for it.
func (r running) endpoint() string {
	if r.address.Network() == "unix" {
		return "unix://" + r.address.String()
	}
	return "http://" + r.address.String()
}

func (r running) client(t *testing.T, token string) *api.Client {
	t.Helper()
	c, err := api.NewClient(r.endpoint(), token)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// approve answers the open question, and returns who the desk was told did.
func approve(t *testing.T, r running, token string) string {
	t.Helper()
	require.NoError(t, r.client(t, token).Answer(t.Context(), "inc-ask", api.AnswerBody{Digest: "sha256:abc", Decision: api.Approve}))
	require.Len(t, r.desk.Answers(), 1)
	return r.desk.Answers()[0].By
}

func TestStartNamesIDAndKey(t *testing.T) {
	for name, tt := range map[string]struct {
		engine     string
		extensions map[component.ID]component.Component
		want       string
	}{
		"missing": {"remediation_engine/two", nil, `engine: no extension "remediation_engine/two" is running; add it to extensions and service::extensions`},
		"wrong": {
			"zpages",
			map[component.ID]component.Component{component.MustNewID("zpages"): bystander{}},
			`engine: extension "zpages" has no operator's desk; name the id of a remediation engine`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := load(map[string]any{"engine": tt.engine})
			require.NoError(t, err)
			ext, err := NewFactory().Create(t.Context(), nop(), cfg)
			require.NoError(t, err)
			require.ErrorContains(t, ext.Start(t.Context(), &host{extensions: tt.extensions}), tt.want)
			require.NoError(t, ext.Shutdown(t.Context()))
		})
	}
}

func TestStartSaysWhyItCannotListen(t *testing.T) {
	taken := start(t, nop(), nil)
	for name, tt := range map[string]struct {
		values map[string]any
		want   string
	}{
		"taken":        {map[string]any{"endpoint": taken.address.String()}, "endpoint: cannot listen on " + taken.address.String()},
		"no such auth": {map[string]any{"endpoint": "127.0.0.1:0", "auth": map[string]any{"authenticator": "nobody"}}, `authenticator "nobody"`},
		"no such path": {map[string]any{"endpoint": "/proc/nowhere/s", "transport": "unix"}, "endpoint: cannot listen on /proc/nowhere/s"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := load(tt.values)
			require.NoError(t, err)
			ext, err := NewFactory().Create(t.Context(), nop(), cfg)
			require.NoError(t, err)
			require.ErrorContains(t, ext.Start(t.Context(), taken.host), tt.want)
			require.NoError(t, ext.Shutdown(t.Context()))
		})
	}
}

func TestDependencies(t *testing.T) {
	one := start(t, nop(), nil)
	require.Equal(t, []component.ID{defaultEngine}, one.Dependencies())
	two := start(t, nop(), map[string]any{"auth": map[string]any{"authenticator": "tokens"}})
	require.Equal(t, []component.ID{defaultEngine, component.MustNewID("tokens")}, two.Dependencies())
}

func TestServesTheDeskOfItsEngine(t *testing.T) {
	r := start(t, nop(), nil)
	status, err := r.client(t, "").Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, r.desk.Status(), status)
	require.Regexp(t, `^local \(127\.0\.0\.1:\d+\)$`, approve(t, r, ""))
	require.Empty(t, r.host.reported(), "nothing changed, nothing is reported")
}

func TestEngineChoosesTheDesk(t *testing.T) {
	one, two := consoletest.NewDesk(), consoletest.NewDesk()
	two.Clear()
	h := &host{extensions: map[component.ID]component.Component{
		defaultEngine: fakeEngine{Desk: one},
		component.MustNewIDWithName("remediation_engine", "two"): fakeEngine{Desk: two},
	}}
	cfg, err := load(map[string]any{"endpoint": "127.0.0.1:0", "engine": "remediation_engine/two"})
	require.NoError(t, err)
	ext, err := NewFactory().Create(t.Context(), nop(), cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), h))
	r := running{console: ext.(*console), address: ext.(*console).listener.Addr(), host: h}
	incidents, err := r.client(t, "").Incidents(t.Context())
	require.NoError(t, err)
	require.Empty(t, incidents)
	require.NoError(t, ext.Shutdown(t.Context()))
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	stale.SetUnlinkOnClose(false) // as a process that was killed
	require.NoError(t, stale.Close())

	r := start(t, nop(), map[string]any{"endpoint": path, "transport": "unix"})
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(socketMode), info.Mode().Perm())
	require.Equal(t, fmt.Sprintf("local (uid %d, pid %d)", os.Getuid(), os.Getpid()), approve(t, r, ""))

	cfg, err := load(map[string]any{"endpoint": path, "transport": "unix"})
	require.NoError(t, err)
	second, err := NewFactory().Create(t.Context(), nop(), cfg)
	require.NoError(t, err)
	require.ErrorContains(t, second.Start(t.Context(), r.host), "somebody listens on "+path+" already")
	require.NoError(t, second.Shutdown(t.Context()))
	_, err = r.client(t, "").Status(t.Context())
	require.NoError(t, err, "the first still listens")
}

func TestRemoveStaleLeavesTheRestAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("precious"), 0o600))
	require.NoError(t, removeStale(file))
	require.FileExists(t, file)
	require.NoError(t, removeStale(filepath.Join(t.TempDir(), "none")))
}

func TestAuth(t *testing.T) {
	auth := map[string]any{"endpoint": "0.0.0.0:0", "auth": map[string]any{"authenticator": "tokens"}}
	for token, want := range map[string]string{"alice": `^alice$`, "anonymous": `^authenticated \(127\.0\.0\.1:\d+\)$`} {
		r := start(t, nop(), auth)
		require.Regexp(t, want, approve(t, r, token))
	}

	r := start(t, nop(), auth)
	for _, token := range []string{"", "mallory"} {
		var problem *api.Problem
		require.ErrorAs(t, r.client(t, token).SetStop(t.Context(), api.StopBody{On: true}), &problem)
		require.Equal(t, api.ProblemUnauthenticated, problem.Type)
		_, err := r.client(t, token).Incidents(t.Context())
		require.ErrorAs(t, err, &problem, "reading needs authentication too")
	}
	require.Empty(t, r.desk.Stops())
}

func TestBy(t *testing.T) {
	request := func(auth client.AuthData) *http.Request {
		r, err := http.NewRequestWithContext(client.NewContext(t.Context(), client.Info{Auth: auth}), http.MethodGet, "/", http.NoBody)
		require.NoError(t, err)
		r.RemoteAddr = "192.0.2.7:4242"
		return r
	}
	for want, auth := range map[string]client.AuthData{
		"alice":                            authData{"username": "alice", "subject": "x", "raw": "s3cret"},
		"sub-1":                            authData{"subject": "sub-1"},
		"authenticated (192.0.2.7:4242)":   authData{"raw": "s3cret", "username": "", "subject": 7},
		`"local (uid 0, pid 1)"`:           authData{"username": "local (uid 0, pid 1)"},
		`eve\x1b[2J\u202e`:                 authData{"username": "eve\x1b[2J\u202e"},
		strings.Repeat("a", maxBy-3) + "…": authData{"username": strings.Repeat("a", 1<<20)},
	} {
		require.Equal(t, want, by(true)(request(auth)))
	}
	require.Equal(t, "authenticated (192.0.2.7:4242)", by(true)(request(nil)))
	require.Equal(t, "local (192.0.2.7:4242)", by(false)(request(nil)))
}

// What hostile programs are called survives the way to an operator and back.
func TestHostileTextRoundTrips(t *testing.T) {
	r := start(t, nop(), nil)
	want := strings.ToValidUTF8(consoletest.Hostile, "\uFFFD")
	incident, err := r.client(t, "").Incident(t.Context(), "inc-evil")
	require.NoError(t, err)
	require.Equal(t, want, incident.Fault)
	require.NoError(t, r.client(t, "").SetStop(t.Context(), api.StopBody{On: true, Comment: consoletest.Hostile}))
	require.Equal(t, want, r.desk.Stops()[0].Comment)
}

func TestTelemetry(t *testing.T) {
	tel := componenttest.NewTelemetry()
	defer func() { require.NoError(t, tel.Shutdown(t.Context())) }()
	r := start(t, metadatatest.NewSettings(tel), nil)
	c := r.client(t, "")
	answer := api.AnswerBody{Digest: "sha256:abc", Decision: api.Deny}
	require.NoError(t, c.Answer(t.Context(), "inc-ask", answer))
	require.Error(t, c.Answer(t.Context(), "inc-ask", answer))
	require.NoError(t, c.SetStop(t.Context(), api.StopBody{On: true}))
	r.desk.Fail(errors.New("disk"))
	require.Error(t, c.SetStop(t.Context(), api.StopBody{}))
	point := func(decision, outcome string) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: 1, Attributes: attribute.NewSet(attribute.String("decision", decision), attribute.String("outcome", outcome))}
	}
	metadatatest.AssertEqualExtensionConsoleDecisions(t, tel, []metricdata.DataPoint[int64]{
		point("deny", "accepted"), point("deny", "refused"), point("stop", "accepted"), point("resume", "failed"),
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

func TestListenerThatBreaksIsReported(t *testing.T) {
	r := start(t, nop(), nil)
	require.NoError(t, r.listener.Close())
	require.Eventually(t, func() bool { return len(r.host.reported()) == 1 }, 5*time.Second, time.Millisecond)
	event := r.host.reported()[0]
	require.Equal(t, componentstatus.StatusPermanentError, event.Status())
	require.ErrorContains(t, event.Err(), "the console has stopped")
}

// An engine that hangs cannot keep the Collector from stopping.
func TestShutdownDoesNotWaitForEver(t *testing.T) {
	r := start(t, nop(), nil)
	r.desk.Hang()
	answered := make(chan error, 1)
	c := r.client(t, "")
	go func() { answered <- c.SetStop(context.WithoutCancel(t.Context()), api.StopBody{On: true}) }()
	require.Eventually(t, func() bool { return r.desk.Waiting() == 1 }, 5*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, r.Shutdown(ctx), context.DeadlineExceeded)
	require.ErrorIs(t, <-answered, api.ErrUnreachable)
}

// Each key that the console itself reads, or sets another default for,
// changes something that can be seen from outside.
func TestKnobs(t *testing.T) {
	type seen struct {
		network, cacheControl string
		unauthenticated       int
		largeBody             int
		gzipBody              int
	}
	outcome := func(t *testing.T, values map[string]any) seen {
		t.Helper()
		r := start(t, nop(), values)
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, r.address.Network(), r.address.String())
		}}
		defer transport.CloseIdleConnections()
		ask := func(method, path, body, encoding string) *http.Response {
			q, err := http.NewRequestWithContext(t.Context(), method, "http://localhost"+path, strings.NewReader(body))
			require.NoError(t, err)
			q.Header.Set("Content-Type", "application/json")
			if encoding != "" {
				q.Header.Set("Content-Encoding", encoding)
			}
			w, err := transport.RoundTrip(q)
			require.NoError(t, err)
			require.NoError(t, w.Body.Close())
			return w
		}
		comment, err := json.Marshal(api.StopBody{On: true, Comment: strings.Repeat("c", 1900)})
		require.NoError(t, err)
		large := string(comment) + strings.Repeat(" ", 5000)
		var zipped bytes.Buffer
		gz := gzip.NewWriter(&zipped)
		_, err = gz.Write(comment)
		require.NoError(t, errors.Join(err, gz.Close()))
		status := ask("GET", "/api/v1/status", "", "")
		return seen{
			network:         r.address.Network(),
			cacheControl:    status.Header.Get("Cache-Control"),
			unauthenticated: status.StatusCode,
			largeBody:       ask("PUT", "/api/v1/stop", large, "").StatusCode,
			gzipBody:        ask("PUT", "/api/v1/stop", zipped.String(), "gzip").StatusCode,
		}
	}
	base := outcome(t, nil)
	require.Equal(t, seen{network: "tcp", cacheControl: "no-store", unauthenticated: 200, largeBody: 204, gzipBody: 204}, base)
	for _, knob := range []struct {
		key    string
		values map[string]any
		want   func(*seen)
	}{
		{"endpoint and transport", map[string]any{"transport": "unix", "endpoint": filepath.Join(t.TempDir(), "s")}, func(s *seen) { s.network = "unix" }},
		{"auth", map[string]any{"auth": map[string]any{"authenticator": "tokens"}}, func(s *seen) { s.unauthenticated, s.largeBody, s.gzipBody = 401, 401, 401 }},
		{"max_request_body_size", map[string]any{"max_request_body_size": 4096}, func(s *seen) { s.largeBody = 413 }},
		{"response_headers", map[string]any{"response_headers": map[string]any{"Cache-Control": "private"}}, func(s *seen) { s.cacheControl = "private" }},
		{"compression_algorithms", map[string]any{"compression_algorithms": []any{""}}, func(s *seen) { s.gzipBody = 400 }},
	} {
		t.Run(knob.key, func(t *testing.T) {
			want := base
			knob.want(&want)
			got := outcome(t, knob.values)
			require.Equal(t, want, got)
			require.NotEqual(t, base, got, "%s has no effect", knob.key)
		})
	}
}
