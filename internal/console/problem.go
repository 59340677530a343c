// SPDX-License-Identifier: Apache-2.0

package console

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Problem is every error of the API, in the format of RFC 9457
// (application/problem+json) with two members of ours: the field that is
// wrong, where there is one, and the remedy.
type Problem struct {
	Type   string `json:"type"` // one of the Problem… constants; stable
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Field  string `json:"field,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// Types of problems.
const (
	ProblemMalformed       = "urn:homeostat:problem:malformed"       // 400: no JSON, or not the JSON that was asked for
	ProblemUnauthenticated = "urn:homeostat:problem:unauthenticated" // 401
	ProblemForeign         = "urn:homeostat:problem:foreign"         // 403: sent by a page of another origin
	ProblemNotFound        = "urn:homeostat:problem:not-found"       // 404
	ProblemMethod          = "urn:homeostat:problem:method"          // 405
	ProblemTooLate         = "urn:homeostat:problem:too-late"        // 409: operate.ErrTooLate
	ProblemDigestChanged   = "urn:homeostat:problem:digest-changed"  // 409: operate.ErrDigest
	ProblemTooLarge        = "urn:homeostat:problem:too-large"       // 413
	ProblemMediaType       = "urn:homeostat:problem:media-type"      // 415
	ProblemMisdirected     = "urn:homeostat:problem:misdirected"     // 421: for a host that is not this one
	ProblemInvalidField    = "urn:homeostat:problem:invalid-field"   // 422
	ProblemFailed          = "urn:homeostat:problem:failed"          // 500: the engine could not
	ProblemTimeout         = "urn:homeostat:problem:timeout"         // 504: the engine did not answer in time
)

const problemMediaType = "application/problem+json"

// Error is one line: what is wrong, then what to do.
func (p *Problem) Error() string {
	text := p.Title
	if p.Detail != "" {
		text = p.Detail
	}
	if p.Remedy != "" {
		text += "; " + p.Remedy
	}
	return text
}

// invalidField says what is wrong with one member of a body.
func invalidField(field, remedy, format string, args ...any) *Problem {
	return &Problem{
		Type: ProblemInvalidField, Title: "A field is not valid", Status: http.StatusUnprocessableEntity,
		Detail: field + " " + fmt.Sprintf(format, args...), Field: field, Remedy: remedy,
	}
}

func malformed(remedy, format string, args ...any) *Problem {
	return &Problem{
		Type: ProblemMalformed, Title: "The body is not the JSON object that this path takes", Status: http.StatusBadRequest,
		Detail: fmt.Sprintf(format, args...), Remedy: remedy,
	}
}

// WriteProblem answers with p. encoding/json escapes whatever a hostile text
// in it could do to a page.
func WriteProblem(w http.ResponseWriter, p *Problem) {
	body, err := json.Marshal(p)
	if err != nil { // strings and an int always encode
		panic("BUG: " + err.Error())
	}
	secure(w.Header())
	w.Header().Set("Content-Type", problemMediaType)
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}
