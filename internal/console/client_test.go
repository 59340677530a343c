// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/console/consoletest"
	"github.com/homeostat/homeostat/internal/operate"
)

func clientOf(t *testing.T, endpoint, token string) *Client {
	t.Helper()
	c, err := NewClient(endpoint, token)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// useAll does everything that a client can do against a fresh desk.
func useAll(t *testing.T, c *Client, desk *consoletest.Desk) {
	t.Helper()
	ctx := t.Context()
	status, err := c.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, desk.Status(), status)
	incidents, err := c.Incidents(ctx)
	require.NoError(t, err)
	require.Len(t, incidents, 3)
	incident, err := c.Incident(ctx, "inc-ask")
	require.NoError(t, err)
	require.Len(t, incident.History, 2)
	require.NoError(t, c.Answer(ctx, "inc-ask", AnswerBody{Digest: incident.Question.Digest, Decision: Approve, Comment: "go"}))
	require.Equal(t, []operate.Answer{{Incident: "inc-ask", Digest: "sha256:abc", Approve: true, By: "tester", Comment: "go"}}, desk.Answers())
	require.NoError(t, c.SetStop(ctx, StopBody{On: true, Comment: "fire"}))
	require.Len(t, desk.Stops(), 1)
}

func TestClientOverTCP(t *testing.T) {
	desk := consoletest.NewDesk()
	useAll(t, clientOf(t, serve(t, local(desk))+"/", ""), desk)
}

func TestClientOverSocket(t *testing.T) {
	desk := consoletest.NewDesk()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	s := &httptest.Server{Listener: listener, Config: &http.Server{Handler: local(desk)}}
	s.Start()
	t.Cleanup(s.Close)
	useAll(t, clientOf(t, "unix://"+path, ""), desk)
}

func TestClientProblems(t *testing.T) {
	c := clientOf(t, serve(t, local(consoletest.NewDesk())), "")
	for typ, err := range map[string]error{
		ProblemNotFound:      func() error { _, err := c.Incident(t.Context(), "../status"); return err }(),
		ProblemTooLate:       c.Answer(t.Context(), "inc-run", AnswerBody{Digest: "d", Decision: Deny}),
		ProblemDigestChanged: c.Answer(t.Context(), "inc-ask", AnswerBody{Digest: "d", Decision: Deny}),
		ProblemInvalidField:  c.Answer(t.Context(), "inc-ask", AnswerBody{Digest: "d", Decision: "maybe"}),
	} {
		var problem *Problem
		require.ErrorAs(t, err, &problem)
		require.Equal(t, typ, problem.Type)
		require.ErrorContains(t, err, problem.Remedy)
	}
}

func TestClientSendsToken(t *testing.T) {
	var got []string
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		WriteProblem(w, &Problem{Type: ProblemUnauthenticated, Title: "Who are you?", Status: 401})
	}))
	var problem *Problem
	_, err := clientOf(t, url, "s3cret").Status(t.Context())
	require.ErrorAs(t, err, &problem)
	_, err = clientOf(t, url, "").Status(t.Context())
	require.ErrorAs(t, err, &problem)
	require.Equal(t, []string{"Bearer s3cret", ""}, got)
}

func TestClientNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	_, err = clientOf(t, "http://"+listener.Addr().String(), "").Status(t.Context())
	require.ErrorIs(t, err, ErrUnreachable)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	_, err = clientOf(t, "unix://"+filepath.Join(t.TempDir(), "none"), "").Status(t.Context())
	require.ErrorIs(t, err, ErrUnreachable)
	require.ErrorIs(t, err, syscall.ENOENT)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = clientOf(t, "http://"+listener.Addr().String(), "").Status(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestClientTimeout(t *testing.T) {
	desk := consoletest.NewDesk()
	desk.Hang()
	c := clientOf(t, serve(t, local(desk)), "")
	c.SetTimeout(10 * time.Millisecond)
	err := c.SetStop(t.Context(), StopBody{On: true})
	require.ErrorIs(t, err, ErrUnreachable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// Something else on the port must not be mistaken for a console.
func TestClientForeignServers(t *testing.T) {
	elsewhere := serve(t, local(consoletest.NewDesk()))
	for name, h := range map[string]http.HandlerFunc{
		"a page":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"an error":   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "boom", 500) },
		"other JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`["a"]`)) },
		"no content": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"other errors": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			_, _ = w.Write([]byte(`{"type":"x"}`))
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere+r.URL.Path, http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := clientOf(t, serve(t, h), "")
			_, err := c.Status(t.Context())
			require.ErrorIs(t, err, ErrForeign)
			if name != "no content" {
				require.ErrorIs(t, c.SetStop(t.Context(), StopBody{On: true}), ErrForeign)
			}
		})
	}
}

func TestClientEndpoints(t *testing.T) {
	for endpoint, want := range map[string]string{
		"localhost:8687":           "use http://HOST:PORT, https://HOST:PORT or unix:///PATH",
		"":                         "use http://HOST:PORT",
		"ftp://localhost":          "use http://HOST:PORT",
		"http://":                  "use http://HOST:PORT and nothing behind it",
		"https://a:b@host":         "use https://HOST:PORT and nothing behind it",
		"http://host?x=1":          "use http://HOST:PORT and nothing behind it",
		"unix://run/s":             "use three slashes",
		"unix:///":                 "use three slashes",
		"http://\x7f":              "use http://HOST:PORT",
		"http://gateway.example":   "a token would cross the network in clear text: use https://",
		"http://127.0.0.1.example": "a token would cross the network in clear text",
	} {
		_, err := NewClient(endpoint, "s3cret")
		require.ErrorIs(t, err, ErrEndpoint, endpoint)
		require.ErrorContains(t, err, want, endpoint)
		require.NotContains(t, err.Error(), "s3cret")
	}
	for _, endpoint := range []string{"http://localhost:8687", "https://gateway.example/homeostat/", "unix:///run/s", "http://[::1]:1"} {
		_, err := NewClient(endpoint, "s3cret")
		require.NoError(t, err, endpoint)
	}
	_, err := NewClient("http://gateway.example", "")
	require.NoError(t, err)
}
