// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/homeostat/homeostat/internal/console"
	"github.com/homeostat/homeostat/internal/console/consoletest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"homeostatctl": main})
}

// deskKey is where a script keeps its desk.
type deskKey struct{}

// TestScripts runs the program against the handler that the console serves,
// with a desk in memory. A script finds it at $ENDPOINT, on a socket at
// $SOCKET, and behind a token (s3cret) at $GUARDED.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"desk": deskCommand,
		},
	})
}

func setup(env *testscript.Env) error {
	desk := consoletest.NewDesk()
	handler := console.NewHandler(console.Settings{
		Desk: desk, By: func(*http.Request) string { return "tester" }, LocalOnly: true, MaxBody: 1 << 16,
	})
	plain := httptest.NewServer(handler)
	guarded := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			console.WriteProblem(w, &console.Problem{Type: console.ProblemUnauthenticated, Title: "The request is not authenticated", Status: 401})
			return
		}
		handler.ServeHTTP(w, r)
	}))
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>\x1b[2J") }))
	dir, err := os.MkdirTemp("", "ctl") // a socket's path must be short
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	socket := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
	socket.Start()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	env.Defer(func() {
		for _, server := range []*httptest.Server{plain, guarded, foreign, socket} {
			server.Close()
		}
		_ = os.RemoveAll(dir)
	})
	env.Values[deskKey{}] = desk
	env.Setenv("ENDPOINT", plain.URL)
	env.Setenv("GUARDED", guarded.URL)
	env.Setenv("FOREIGN", foreign.URL)
	env.Setenv("SOCKET", path)
	env.Setenv("NOBODY", "http://"+nobody.Addr().String())
	return nobody.Close()
}

// deskCommand looks at the desk of a script, or changes it:
//
//	desk answers        print the answers that it took, or none
//	desk stops          print what it was told about the stop switch
//	desk clear          forget all incidents
//	desk fail MESSAGE   fail from now on
func deskCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: desk answers|stops|clear|fail MESSAGE")
	}
	desk := ts.Value(deskKey{}).(*consoletest.Desk)
	switch args[0] {
	case "answers":
		if len(desk.Answers()) == 0 {
			fmt.Fprintln(ts.Stdout(), "none")
		}
		for _, a := range desk.Answers() {
			fmt.Fprintf(ts.Stdout(), "%s %s approve=%t by=%s comment=%q\n", a.Incident, a.Digest, a.Approve, a.By, a.Comment)
		}
	case "stops":
		for _, s := range desk.Stops() {
			fmt.Fprintf(ts.Stdout(), "on=%t by=%s comment=%q\n", s.On, s.By, s.Comment)
		}
	case "clear":
		desk.Clear()
	case "fail":
		desk.Fail(errors.New(args[1]))
	default:
		ts.Fatalf("desk knows no %q", args[0])
	}
}

// Every exit code is in the help.
func TestHelpListsExitCodes(t *testing.T) {
	for code := exitOK; code <= exitUnconfirmed; code++ {
		require.Regexp(t, fmt.Sprintf(`(?m)^  %d  \S`, code), about)
	}
	require.NotRegexp(t, fmt.Sprintf(`(?m)^  %d  `, exitUnconfirmed+1), about)
}
