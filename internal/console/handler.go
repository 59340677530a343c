// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	_ "embed" // openapi.yaml
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/homeostat/homeostat/internal/operate"
)

// openapi describes the API; a test holds it to the routes and the types.
//
//go:embed openapi.yaml
var openapi []byte

// Settings of a handler.
type Settings struct {
	// Desk is what is served.
	Desk operate.Desk

	// By tells who sent a request; it is part of the audit trail. The
	// request was authenticated before the handler saw it, or LocalOnly is
	// set.
	By func(*http.Request) string

	// LocalOnly refuses requests whose Host header does not name this
	// machine. Set it wherever requests are not authenticated.
	LocalOnly bool

	// MaxBody is the largest body of a request, in bytes; at least 1.
	MaxBody int64

	// Decided is called after each decision with Approve, Deny, Stop or
	// Resume and an outcome. It may be nil.
	Decided func(ctx context.Context, decision string, outcome Outcome)
}

// Outcome is what became of a decision.
type Outcome string

// Outcomes.
const (
	Accepted Outcome = "accepted"
	Refused  Outcome = "refused" // no such question, not this one, or no longer open
	Failed   Outcome = "failed"  // the engine could not record it
)

// answerTimeout bounds how long a request waits for the engine, whose
// journal may be on a disk that hangs.
const answerTimeout = 10 * time.Second

// server serves the routes. It never changes.
type server struct{ Settings }

// handle serves one method of one path. What it returns, if not nil, is the
// problem to answer with.
type handle func(w http.ResponseWriter, r *http.Request) *Problem

// routes is the API: path, then method. openapi.yaml describes the same.
func (s *server) routes() map[string]map[string]handle {
	return map[string]map[string]handle{
		Base + "/status":                {http.MethodGet: s.status},
		Base + "/incidents":             {http.MethodGet: s.incidents},
		Base + "/incidents/{id}":        {http.MethodGet: s.incident},
		Base + "/incidents/{id}/answer": {http.MethodPost: s.answer},
		Base + "/stop":                  {http.MethodPut: s.stop},
		Base + "/openapi.yaml":          {http.MethodGet: s.openapi},
	}
}

// NewHandler serves the API under Base, and a problem everywhere else.
func NewHandler(settings Settings) http.Handler {
	s := &server{Settings: settings}
	mux := http.NewServeMux()
	for path, methods := range s.routes() {
		mux.Handle(path, dispatch(methods))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		WriteProblem(w, &Problem{
			Type: ProblemNotFound, Title: "There is nothing at this path", Status: http.StatusNotFound,
			Remedy: "see " + Base + "/openapi.yaml for what there is",
		})
	})
	return guard(mux, settings.LocalOnly)
}

// dispatch chooses by method. HEAD is GET whose body the server drops.
func dispatch(methods map[string]handle) http.Handler {
	allowed := slices.Sorted(maps.Keys(methods))
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		serve, ok := methods[method]
		if !ok {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			WriteProblem(w, &Problem{
				Type: ProblemMethod, Title: "This path does not take that method", Status: http.StatusMethodNotAllowed,
				Remedy: "use " + strings.Join(allowed, " or "),
			})
			return
		}
		if problem := serve(w, r); problem != nil {
			WriteProblem(w, problem)
		}
	})
}

func (s *server) status(w http.ResponseWriter, _ *http.Request) *Problem {
	return writeJSON(w, s.Desk.Status())
}

func (s *server) incidents(w http.ResponseWriter, _ *http.Request) *Problem {
	list := IncidentList{Incidents: s.Desk.Incidents()}
	if list.Incidents == nil {
		list.Incidents = []operate.Incident{}
	}
	return writeJSON(w, list)
}

func (s *server) incident(w http.ResponseWriter, r *http.Request) *Problem {
	incident, err := s.Desk.Incident(r.PathValue("id"))
	if err != nil {
		return problemOf(err)
	}
	return writeJSON(w, incident)
}

func (s *server) answer(w http.ResponseWriter, r *http.Request) *Problem {
	data, problem := s.read(w, r)
	if problem != nil {
		return problem
	}
	body, err := decodeAnswer(data)
	if err != nil {
		return problemOf(err)
	}
	return s.decide(w, r, body.Decision, func(ctx context.Context) error {
		return s.Desk.Answer(ctx, operate.Answer{
			Incident: r.PathValue("id"),
			Digest:   body.Digest,
			Approve:  body.Decision == Approve,
			By:       s.By(r),
			Comment:  body.Comment,
		})
	})
}

func (s *server) stop(w http.ResponseWriter, r *http.Request) *Problem {
	data, problem := s.read(w, r)
	if problem != nil {
		return problem
	}
	body, err := decodeStop(data)
	if err != nil {
		return problemOf(err)
	}
	decision := Resume
	if body.On {
		decision = Stop
	}
	return s.decide(w, r, decision, func(ctx context.Context) error {
		return s.Desk.SetStop(ctx, operate.Stop{On: body.On, By: s.By(r), Comment: body.Comment})
	})
}

func (s *server) openapi(w http.ResponseWriter, _ *http.Request) *Problem {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(openapi)
	return nil
}

// decide tells the engine, and answers 204 when it has recorded it.
func (s *server) decide(w http.ResponseWriter, r *http.Request, decision string, tell func(context.Context) error) *Problem {
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	err := tell(ctx)
	if s.Decided != nil {
		s.Decided(r.Context(), decision, outcomeOf(err))
	}
	if err != nil {
		return problemOf(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// read returns a body of at most MaxBody bytes that says it is JSON. A page
// of another origin can send none that says so without being asked for by
// its browser first, which is refused.
func (s *server) read(w http.ResponseWriter, r *http.Request) ([]byte, *Problem) {
	const jsonType = "application/json"
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != jsonType {
		return nil, &Problem{
			Type: ProblemMediaType, Title: "The body must be JSON", Status: http.StatusUnsupportedMediaType,
			Remedy: "send Content-Type: " + jsonType,
		}
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &Problem{
			Type: ProblemTooLarge, Title: "The body is too large", Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("the body has more than %d bytes", tooLarge.Limit),
			Remedy: fmt.Sprintf("send a comment of at most %d bytes, or raise max_request_body_size of the console", MaxComment),
		}
	case err != nil:
		return nil, malformed("send the body again", "the body could not be read: %s", err)
	}
	return data, nil
}

func writeJSON(w http.ResponseWriter, value any) *Problem {
	body, err := json.Marshal(value)
	if err != nil {
		return problemOf(fmt.Errorf("the answer cannot be written as JSON: %w", err))
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
	return nil
}

func outcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return Accepted
	case errors.Is(err, operate.ErrNotFound), errors.Is(err, operate.ErrTooLate), errors.Is(err, operate.ErrDigest):
		return Refused
	default:
		return Failed
	}
}

// problemOf translates what a Desk or a decoder says.
func problemOf(err error) *Problem {
	var problem *Problem
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.Is(err, operate.ErrNotFound):
		return &Problem{
			Type: ProblemNotFound, Title: "No such incident", Status: http.StatusNotFound,
			Detail: err.Error(), Remedy: "list the incidents; closed ones are forgotten after a while",
		}
	case errors.Is(err, operate.ErrTooLate):
		return &Problem{
			Type: ProblemTooLate, Title: "The question is no longer open", Status: http.StatusConflict,
			Detail: err.Error(), Remedy: "look at the incident: it was answered, has expired or moved on",
		}
	case errors.Is(err, operate.ErrDigest):
		return &Problem{
			Type: ProblemDigestChanged, Title: "The question has changed since it was read", Status: http.StatusConflict,
			Detail: err.Error(), Field: "digest", Remedy: "read the incident again, then answer with its new digest",
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &Problem{
			Type: ProblemTimeout, Title: "The engine did not answer in time", Status: http.StatusGatewayTimeout,
			Detail: err.Error(), Remedy: "whether it was recorded is unknown: look at the incident before you try again",
		}
	default:
		return &Problem{
			Type: ProblemFailed, Title: "The engine could not do it", Status: http.StatusInternalServerError,
			Detail: err.Error(), Remedy: "see the log of the Collector",
		}
	}
}
