// SPDX-License-Identifier: Apache-2.0

// Package e2e drives the built distribution from outside, as a user and a
// backend do: it starts the real process on free loopback ports, sends OTLP
// over gRPC and HTTP, receives what comes out, signals and kills it. Only tests
// use it. The distribution is the file named by HOMEOSTAT_BIN, or else
// bin/otelcol-homeostat at the root of the module.
package e2e
