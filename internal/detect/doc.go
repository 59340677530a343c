// SPDX-License-Identifier: Apache-2.0

// Package detect turns the numbers of one series into scores, and runs of
// scores into episodes. It sees numbers and instants only: no pdata, no
// Collector, no clock. Instants are Unix nanoseconds, as OTLP has them.
//
// A Detector makes one Model for each series; a Model scores a Point first and
// learns from it after. A Quorum asks for k breaches in n points before it
// believes them, and a Gate folds what all voters of a series say into at most
// one open episode with one id.
package detect
