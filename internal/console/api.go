// SPDX-License-Identifier: Apache-2.0

package console

import "github.com/homeostat/homeostat/internal/operate"

// Base is the path under which the API lives. What follows it is stable
// within a version: fields are added, never changed or taken away.
const Base = "/api/v1"

// IncidentList is the body of GET /api/v1/incidents.
type IncidentList struct {
	Incidents []operate.Incident `json:"incidents"` // newest first; never null
}

// AnswerBody is the body of POST /api/v1/incidents/{id}/answer.
type AnswerBody struct {
	Digest   string `json:"digest"`   // of the question that was read
	Decision string `json:"decision"` // Approve or Deny
	Comment  string `json:"comment,omitempty"`
}

// Decisions of an operator.
const (
	Approve = "approve"
	Deny    = "deny"
	Stop    = "stop"   // the stop switch was thrown
	Resume  = "resume" // the stop switch was released
)

// StopBody is the body of PUT /api/v1/stop.
type StopBody struct {
	On      bool   `json:"on"`
	Comment string `json:"comment,omitempty"`
}

// Bounds of what an operator may send, in bytes.
const (
	MaxDigest  = 256
	MaxComment = 2000
)
