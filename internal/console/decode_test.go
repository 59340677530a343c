// SPDX-License-Identifier: Apache-2.0

package console

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecodeAnswer(t *testing.T) {
	got, err := decodeAnswer([]byte(` { "digest":"d", "decision":"approve", "comment":"go \u001b on" } ` + "\n"))
	require.NoError(t, err)
	require.Equal(t, AnswerBody{Digest: "d", Decision: Approve, Comment: "go \x1b on"}, got)

	got, err = decodeAnswer([]byte(`{"decision":"deny","digest":"d"}`))
	require.NoError(t, err)
	require.Equal(t, AnswerBody{Digest: "d", Decision: Deny}, got)
}

func TestDecodeStop(t *testing.T) {
	for text, want := range map[string]StopBody{
		`{"on":true,"comment":"fire"}`: {On: true, Comment: "fire"},
		`{"on":false}`:                 {},
	} {
		got, err := decodeStop([]byte(text))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestDecodeRefuses(t *testing.T) {
	answer := func(data []byte) error { _, err := decodeAnswer(data); return err }
	stop := func(data []byte) error { _, err := decodeStop(data); return err }
	for _, tt := range []struct {
		decode func([]byte) error
		body   string
		field  string
		want   string
	}{
		{answer, ``, "", "the body is not a JSON object; send an object with digest, decision, comment"},
		{answer, `null`, "", "the body is not a JSON object"},
		{answer, `[]`, "", "the body is not a JSON object"},
		{answer, `"approve"`, "", "the body is not a JSON object"},
		{answer, `{"digest":"d"`, "", "the JSON is broken"},
		{answer, `{"digest":}`, "", "the JSON is broken"},
		{answer, `{"digest" "d"}`, "", "the JSON is broken"},
		{answer, `{"digest":"d","decision":"approve"}{}`, "", "something follows the JSON object"},
		{answer, `{"digest":"d","decision":"approve"} approve`, "", "something follows the JSON object"},
		{answer, "{\"digest\":\"\xff\",\"decision\":\"approve\"}", "", "the body is not valid UTF-8"},
		{answer, `{}`, "digest", "digest is missing; send an object with digest, decision, comment"},
		{answer, `{"digest":"d"}`, "decision", "decision is missing"},
		{answer, `{"digest":"","decision":"approve"}`, "digest", "digest must not be empty; send the digest of the question that you read"},
		{answer, `{"digest":"` + strings.Repeat("d", MaxDigest+1) + `","decision":"approve"}`, "digest", "digest must have at most 256 bytes (got 257)"},
		{answer, `{"digest":7,"decision":"approve"}`, "digest", "digest must be a string"},
		{answer, `{"digest":null,"decision":"approve"}`, "digest", "digest must be a string"},
		{answer, `{"digest":"d","decision":true}`, "decision", "decision must be a string"},
		{answer, `{"digest":"d","decision":"Approve"}`, "decision", `decision must be "approve" or "deny" (got "Approve")`},
		{answer, `{"digest":"d","decision":""}`, "decision", `(got "")`},
		{answer, `{"digest":"d","decision":"approve","comment":null}`, "comment", "comment must be a string"},
		{answer, `{"digest":"d","decision":"approve","comment":"` + strings.Repeat("c", MaxComment+1) + `"}`, "comment", "comment must have at most 2000 bytes (got 2001)"},
		{answer, `{"digest":"d","decision":"deny","decision":"approve"}`, "decision", "decision comes twice"},
		{answer, `{"digest":"d","Decision":"approve"}`, "Decision", "Decision is not known here; the names are digest, decision, comment"},
		{answer, `{"digest":"d","decision":"approve","by":"root"}`, "by", "by is not known here"},
		{answer, `{"` + strings.Repeat("é", 100) + `":1}`, strings.Repeat("é", 20) + "…", "is not known here"},
		{stop, `{}`, "on", "on is missing; send an object with on, comment"},
		{stop, `{"on":null}`, "on", "on must be true or false"},
		{stop, `{"on":"true"}`, "on", "on must be true or false"},
		{stop, `{"on":1}`, "on", "on must be true or false"},
		{stop, `{"on":true,"on":false}`, "on", "on comes twice"},
		{stop, `{"on":true,"digest":"d"}`, "digest", "digest is not known here; the names are on, comment"},
		{stop, `{"on":true,"comment":"` + strings.Repeat("c", MaxComment+1) + `"}`, "comment", "comment must have at most"},
	} {
		err := tt.decode([]byte(tt.body))
		var problem *Problem
		require.ErrorAs(t, err, &problem, "%.80s", tt.body)
		require.ErrorContains(t, err, tt.want)
		require.Equal(t, tt.field, problem.Field)
		require.NotEmpty(t, problem.Remedy)
	}
}

// FuzzDecode holds both decoders to this: whatever they accept is within
// bounds, and encoding/json reads the same from it.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"digest":"d","decision":"approve","comment":"c"}`, `{"on":true}`, `{"on":false,"comment":"\ud800"}`,
		`{"digest":"d","decision":"deny","decision":"approve"}`, `{"Digest":"d"}`, `[]`, `{"on":true}x`, "\xff", `{"a":{"a":{}}}`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var problem *Problem
		if got, err := decodeAnswer(data); err == nil {
			require.Contains(t, []string{Approve, Deny}, got.Decision)
			require.NotEmpty(t, got.Digest)
			require.LessOrEqual(t, len(got.Digest), MaxDigest)
			require.LessOrEqual(t, len(got.Comment), MaxComment)
			var want AnswerBody
			require.NoError(t, json.Unmarshal(data, &want))
			require.Equal(t, want, got)
		} else {
			require.ErrorAs(t, err, &problem)
		}
		if got, err := decodeStop(data); err == nil {
			var want StopBody
			require.NoError(t, json.Unmarshal(data, &want))
			require.Equal(t, want, got)
		} else {
			require.ErrorAs(t, err, &problem)
			require.NotEmpty(t, problem.Remedy)
		}
	})
}
