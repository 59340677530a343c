// SPDX-License-Identifier: Apache-2.0

// Package console is the HTTP API between the engine and the people who run
// it: NewHandler serves an operate.Desk, Client talks to it. It knows nothing
// of the Collector: listening, TLS and authentication are its caller's.
//
// The API changes what a machine does to itself, so its handler trusts
// nobody's page: it demands application/json, refuses requests from other
// origins and, where whoever reaches it is trusted, requests that name a host
// which is not this one.
package console
