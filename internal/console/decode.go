// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// decodeAnswer reads and checks the body of an answer. The error is a
// *Problem.
func decodeAnswer(data []byte) (AnswerBody, error) {
	var body AnswerBody
	if err := decodeObject(data, member{"digest", &body.Digest, true}, member{"decision", &body.Decision, true}, member{"comment", &body.Comment, false}); err != nil {
		return AnswerBody{}, err
	}
	if body.Digest == "" {
		return AnswerBody{}, invalidField("digest", "send the digest of the question that you read", "must not be empty")
	}
	if len(body.Digest) > MaxDigest {
		return AnswerBody{}, invalidField("digest", "send the digest of the question that you read", "must have at most %d bytes (got %d)", MaxDigest, len(body.Digest))
	}
	if body.Decision != Approve && body.Decision != Deny {
		return AnswerBody{}, invalidField("decision", `send "approve" or "deny"`, "must be %q or %q (got %.40q)", Approve, Deny, body.Decision)
	}
	if err := checkComment(body.Comment); err != nil {
		return AnswerBody{}, err
	}
	return body, nil
}

// decodeStop reads and checks the body of the stop switch. The error is a
// *Problem.
func decodeStop(data []byte) (StopBody, error) {
	var body StopBody
	if err := decodeObject(data, member{"on", &body.On, true}, member{"comment", &body.Comment, false}); err != nil {
		return StopBody{}, err
	}
	if err := checkComment(body.Comment); err != nil {
		return StopBody{}, err
	}
	return body, nil
}

func checkComment(comment string) error {
	if len(comment) > MaxComment {
		return invalidField("comment", "say it shorter", "must have at most %d bytes (got %d)", MaxComment, len(comment))
	}
	return nil
}

// member is one name of a JSON object that is expected.
type member struct {
	name     string
	to       any // *string or *bool
	required bool
}

// decodeObject is stricter than encoding/json, because a body that two
// readers understand differently approves something that nobody read: names
// are matched exactly, none may be unknown or come twice, null is no value,
// invalid UTF-8 is no text, and nothing may follow the object.
func decodeObject(data []byte, members ...member) error {
	if !utf8.Valid(data) {
		return malformed("send UTF-8", "the body is not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	names := nameList(members)
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return malformed("send an object with "+names, "the body is not a JSON object")
	}
	seen := make(map[string]bool, len(members))
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return syntax(err)
		}
		name, _ := token.(string)
		if seen[name] {
			return invalidField(name, "send it once", "comes twice")
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return syntax(err)
		}
		if err := decodeMember(name, value, members); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return syntax(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return malformed("send one object", "something follows the JSON object")
	}
	for _, m := range members {
		if m.required && !seen[m.name] {
			return invalidField(m.name, "send an object with "+names, "is missing")
		}
	}
	return nil
}

func decodeMember(name string, value json.RawMessage, members []member) error {
	for _, m := range members {
		if m.name != name {
			continue
		}
		if string(value) == "null" || json.Unmarshal(value, m.to) != nil {
			return invalidField(name, "send "+kind(m.to), "must be %s", kind(m.to))
		}
		return nil
	}
	known := nameList(members)
	return invalidField(clip(name), "send nothing but "+known, "is not known here; the names are %s", known)
}

func kind(to any) string {
	if _, ok := to.(*bool); ok {
		return "true or false"
	}
	return "a string"
}

func nameList(members []member) string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.name
	}
	return strings.Join(names, ", ")
}

// clip keeps a name that somebody made up from filling the answer.
func clip(name string) string {
	const limit = 40
	if len(name) <= limit {
		return name
	}
	return strings.ToValidUTF8(name[:limit], "") + "…"
}

func syntax(err error) error {
	return malformed("send valid JSON", "the JSON is broken: %s", err)
}
