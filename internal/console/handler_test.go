// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/homeostat/homeostat/internal/console/consoletest"
	"github.com/homeostat/homeostat/internal/operate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const goodAnswer = `{"digest":"sha256:abc","decision":"approve","comment":"go"}`

// local is a handler as the console makes it where nobody authenticates.
func local(desk operate.Desk) http.Handler {
	return NewHandler(Settings{Desk: desk, By: func(*http.Request) string { return "tester" }, LocalOnly: true, MaxBody: 1 << 16})
}

// ask sends a request as curl on the same machine would, changed by edits.
func ask(t *testing.T, h http.Handler, method, path, body string, edits ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Host = "localhost:8687"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, edit := range edits {
		edit(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func decodeInto[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var value T
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &value), w.Body.String())
	return value
}

// problem requires an answer to be a problem.
func problem(t *testing.T, w *httptest.ResponseRecorder, status int, typ string) Problem {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body.String())
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	p := decodeInto[Problem](t, w)
	require.Equal(t, typ, p.Type)
	require.Equal(t, status, p.Status)
	require.NotEmpty(t, p.Title)
	require.NotEmpty(t, p.Remedy)
	return p
}

func TestReading(t *testing.T) {
	desk := consoletest.NewDesk()
	h := local(desk)

	w := ask(t, h, "GET", "/api/v1/status", "")
	require.Equal(t, 200, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, desk.Status(), decodeInto[operate.Status](t, w))

	list := decodeInto[IncidentList](t, ask(t, h, "GET", "/api/v1/incidents", ""))
	require.Len(t, list.Incidents, 3)
	require.Equal(t, "inc-ask", list.Incidents[0].ID)
	require.Empty(t, list.Incidents[0].History)

	incident := decodeInto[operate.Incident](t, ask(t, h, "GET", "/api/v1/incidents/inc-ask", ""))
	require.Len(t, incident.History, 2)
	require.Equal(t, "sha256:abc", incident.Question.Digest)

	require.Equal(t, 200, ask(t, h, "HEAD", "/api/v1/status", "").Code)

	desk.Clear()
	require.JSONEq(t, `{"incidents":[]}`, ask(t, h, "GET", "/api/v1/incidents", "").Body.String(), "never null")
}

func TestAnswering(t *testing.T) {
	for decision, approve := range map[string]bool{Approve: true, Deny: false} {
		desk := consoletest.NewDesk()
		w := ask(t, local(desk), "POST", "/api/v1/incidents/inc-ask/answer", fmt.Sprintf(`{"digest":"sha256:abc","decision":%q,"comment":"go"}`, decision))
		require.Equal(t, http.StatusNoContent, w.Code, w.Body.String())
		require.Equal(t, []operate.Answer{{Incident: "inc-ask", Digest: "sha256:abc", Approve: approve, By: "tester", Comment: "go"}}, desk.Answers())
	}
}

func TestStopSwitch(t *testing.T) {
	desk := consoletest.NewDesk()
	h := local(desk)
	require.Equal(t, 204, ask(t, h, "PUT", "/api/v1/stop", `{"on":true,"comment":"fire"}`).Code)
	require.True(t, desk.Status().Stopped)
	require.Equal(t, 204, ask(t, h, "PUT", "/api/v1/stop", `{"on":false}`).Code)
	require.False(t, desk.Status().Stopped)
	require.Equal(t, []operate.Stop{{On: true, By: "tester", Comment: "fire"}, {By: "tester"}}, desk.Stops())
}

func TestProblems(t *testing.T) {
	const answer = "/api/v1/incidents/inc-ask/answer"
	for name, tt := range map[string]struct {
		method, path, body string
		edit               func(*http.Request)
		status             int
		typ                string
	}{
		"unknown path":        {"GET", "/api/v1/nothing", "", nil, 404, ProblemNotFound},
		"no page yet":         {"GET", "/", "", nil, 404, ProblemNotFound},
		"unknown incident":    {"GET", "/api/v1/incidents/nobody", "", nil, 404, ProblemNotFound},
		"answer to unknown":   {"POST", "/api/v1/incidents/nobody/answer", goodAnswer, nil, 404, ProblemNotFound},
		"answer too late":     {"POST", "/api/v1/incidents/inc-run/answer", goodAnswer, nil, 409, ProblemTooLate},
		"answer to another":   {"POST", answer, strings.ReplaceAll(goodAnswer, "abc", "old"), nil, 409, ProblemDigestChanged},
		"wrong method":        {"POST", "/api/v1/status", goodAnswer, nil, 405, ProblemMethod},
		"answer by GET":       {"GET", answer, "", nil, 405, ProblemMethod},
		"stop by POST":        {"POST", "/api/v1/stop", `{"on":true}`, nil, 405, ProblemMethod},
		"no content type":     {"POST", answer, goodAnswer, func(r *http.Request) { r.Header.Del("Content-Type") }, 415, ProblemMediaType},
		"a form":              {"POST", answer, goodAnswer, header("Content-Type", "application/x-www-form-urlencoded"), 415, ProblemMediaType},
		"text that is JSON":   {"POST", answer, goodAnswer, header("Content-Type", "text/plain;application/json"), 415, ProblemMediaType},
		"not JSON":            {"POST", answer, "approve", nil, 400, ProblemMalformed},
		"a wrong field":       {"POST", answer, `{"digest":"d","decision":"maybe"}`, nil, 422, ProblemInvalidField},
		"a wrong switch":      {"PUT", "/api/v1/stop", `{"on":"yes"}`, nil, 422, ProblemInvalidField},
		"too large":           {"POST", answer, strings.Repeat(" ", 1<<16) + goodAnswer, nil, 413, ProblemTooLarge},
		"cross site":          {"POST", answer, goodAnswer, header("Sec-Fetch-Site", "cross-site"), 403, ProblemForeign},
		"same site":           {"POST", answer, goodAnswer, header("Sec-Fetch-Site", "same-site"), 403, ProblemForeign},
		"foreign origin":      {"PUT", "/api/v1/stop", `{"on":false}`, header("Origin", "http://evil.example"), 403, ProblemForeign},
		"another port":        {"PUT", "/api/v1/stop", `{"on":false}`, header("Origin", "http://localhost:3000"), 403, ProblemForeign},
		"no origin":           {"PUT", "/api/v1/stop", `{"on":false}`, header("Origin", "null"), 403, ProblemForeign},
		"rebound name":        {"GET", "/api/v1/status", "", func(r *http.Request) { r.Host = "evil.example:8687" }, 421, ProblemMisdirected},
		"rebound name, write": {"PUT", "/api/v1/stop", `{"on":false}`, func(r *http.Request) { r.Host = "evil.example"; r.Header.Set("Origin", "http://evil.example") }, 421, ProblemMisdirected},
	} {
		t.Run(name, func(t *testing.T) {
			desk := consoletest.NewDesk()
			edit := tt.edit
			if edit == nil {
				edit = func(*http.Request) {}
			}
			problem(t, ask(t, local(desk), tt.method, tt.path, tt.body, edit), tt.status, tt.typ)
			require.Empty(t, desk.Answers())
			require.Empty(t, desk.Stops())
		})
	}
}

func TestMethodNotAllowedNamesTheOthers(t *testing.T) {
	h := local(consoletest.NewDesk())
	require.Equal(t, "GET, HEAD", ask(t, h, "DELETE", "/api/v1/incidents", "").Header().Get("Allow"))
	require.Equal(t, "PUT", ask(t, h, "GET", "/api/v1/stop", "").Header().Get("Allow"))
}

func TestRequestsThatPass(t *testing.T) {
	for name, edit := range map[string]func(*http.Request){
		"charset": header("Content-Type", "application/json; charset=utf-8"),
		"a page of the console": func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.Header.Set("Origin", "http://localhost:8687")
		},
		"IPv4":          func(r *http.Request) { r.Host = "127.0.0.1:8687" },
		"IPv6":          func(r *http.Request) { r.Host = "[::1]:8687" },
		"no port":       func(r *http.Request) { r.Host = "LOCALHOST" },
		"IPv6, no port": func(r *http.Request) { r.Host = "[::1]" },
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 204, ask(t, local(consoletest.NewDesk()), "POST", "/api/v1/incidents/inc-ask/answer", goodAnswer, edit).Code)
		})
	}
	authenticated := NewHandler(Settings{Desk: consoletest.NewDesk(), By: func(*http.Request) string { return "alice" }, MaxBody: 1 << 16})
	require.Equal(t, 200, ask(t, authenticated, "GET", "/api/v1/status", "", func(r *http.Request) { r.Host = "gateway.example" }).Code)
}

func TestIsLocal(t *testing.T) {
	for _, host := range []string{"localhost", "localhost:1", "127.0.0.1", "127.9.9.9:80", "[::1]:8687"} {
		require.True(t, isLocal(host), host)
	}
	for _, host := range []string{"", "localhost.evil.example", "evil.example:8687", "10.0.0.1", "0.0.0.0:8687", "127.0.0.1.nip.example", "[::2]", "localhost:1:2"} {
		require.False(t, isLocal(host), host)
	}
}

func TestSecurityHeaders(t *testing.T) {
	h := local(consoletest.NewDesk())
	for _, path := range []string{"/api/v1/status", "/nothing", "/api/v1/openapi.yaml"} {
		got := ask(t, h, "GET", path, "").Header()
		require.Equal(t, "no-store", got.Get("Cache-Control"), path)
		require.Equal(t, "nosniff", got.Get("X-Content-Type-Options"), path)
		require.Equal(t, "DENY", got.Get("X-Frame-Options"), path)
		require.Contains(t, got.Get("Content-Security-Policy"), "default-src 'none'", path)
		require.Equal(t, "no-referrer", got.Get("Referrer-Policy"), path)
		require.Equal(t, "same-origin", got.Get("Cross-Origin-Resource-Policy"), path)
		require.Empty(t, got.Get("Access-Control-Allow-Origin"), path)
	}
	configured := http.Header{"Cache-Control": {"private"}}
	secure(configured)
	require.Equal(t, "private", configured.Get("Cache-Control"), "what the user configured stays")
}

// Whatever names things have on a host, they arrive as they are, and no byte
// of the answer can be taken for markup, a control sequence or the end of it.
func TestHostileTextRoundTrips(t *testing.T) {
	desk := consoletest.NewDesk()
	h := local(desk)
	w := ask(t, h, "GET", "/api/v1/incidents/inc-evil", "")
	raw := w.Body.String()
	require.NotContains(t, raw, "<script>")
	require.NotContains(t, strings.TrimSuffix(raw, "\n"), "\n")
	for _, r := range strings.TrimSuffix(raw, "\n") {
		require.True(t, r >= ' ' && r != 0x7f, "control character %U", r)
	}
	require.Equal(t, strings.ToValidUTF8(consoletest.Hostile, "\uFFFD"), decodeInto[operate.Incident](t, w).Fault)

	body, err := json.Marshal(AnswerBody{Digest: "sha256:abc", Decision: Deny, Comment: consoletest.Hostile})
	require.NoError(t, err)
	require.Equal(t, 204, ask(t, h, "POST", "/api/v1/incidents/inc-ask/answer", string(body)).Code)
	require.Equal(t, strings.ToValidUTF8(consoletest.Hostile, "\uFFFD"), desk.Answers()[0].Comment)

	w = ask(t, h, "POST", "/api/v1/incidents/inc-ask/answer", `{"<script>alert(1)</script>":1}`)
	require.NotContains(t, w.Body.String(), "<script>")
}

func TestWhatTheEngineCannotDo(t *testing.T) {
	desk := consoletest.NewDesk()
	desk.Fail(errors.New("journal: no space left on device"))
	p := problem(t, ask(t, local(desk), "POST", "/api/v1/incidents/inc-ask/answer", goodAnswer), 500, ProblemFailed)
	require.Equal(t, "journal: no space left on device", p.Detail)
}

func TestHangingEngineTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk := consoletest.NewDesk()
		desk.Hang()
		begin := time.Now()
		problem(t, ask(t, local(desk), "PUT", "/api/v1/stop", `{"on":true}`), 504, ProblemTimeout)
		require.Equal(t, answerTimeout, time.Since(begin))
	})
}

func TestMaxBody(t *testing.T) {
	for limit, want := range map[int64]int{int64(len(goodAnswer)): 204, int64(len(goodAnswer)) - 1: 413} {
		h := NewHandler(Settings{Desk: consoletest.NewDesk(), By: func(*http.Request) string { return "" }, MaxBody: limit})
		require.Equal(t, want, ask(t, h, "POST", "/api/v1/incidents/inc-ask/answer", goodAnswer).Code)
	}
}

func TestBodyThatBreaks(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), "PUT", "/api/v1/stop", io.MultiReader(strings.NewReader(`{"on"`), errReader{}))
	r.Host = "localhost"
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	local(consoletest.NewDesk()).ServeHTTP(w, r)
	problem(t, w, 400, ProblemMalformed)
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestDecidedIsTold(t *testing.T) {
	desk := consoletest.NewDesk()
	var told []string
	h := NewHandler(Settings{
		Desk: desk, By: func(*http.Request) string { return "" }, MaxBody: 1 << 16,
		Decided: func(_ context.Context, decision string, outcome Outcome) {
			told = append(told, decision+" "+string(outcome))
		},
	})
	ask(t, h, "POST", "/api/v1/incidents/inc-ask/answer", goodAnswer)
	ask(t, h, "POST", "/api/v1/incidents/inc-ask/answer", goodAnswer)
	ask(t, h, "POST", "/api/v1/incidents/inc-ask/answer", "broken")
	ask(t, h, "PUT", "/api/v1/stop", `{"on":true}`)
	desk.Fail(errors.New("disk"))
	ask(t, h, "PUT", "/api/v1/stop", `{"on":false}`)
	require.Equal(t, []string{"approve accepted", "approve refused", "stop accepted", "resume failed"}, told)
}
