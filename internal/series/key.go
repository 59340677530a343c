// SPDX-License-Identifier: Apache-2.0

package series

import "fmt"

// Key identifies one time series: resource, scope, metric, point attributes
// and, for histograms and summaries, the number derived from the point. It is
// a 128-bit hash, comparable, and the same in every process and release, so
// that state survives a restart. Its zero value identifies no series.
type Key struct{ Hi, Lo uint64 }

// IsZero reports whether k identifies no series.
func (k Key) IsZero() bool { return k == Key{} }

// String is 32 hexadecimal digits, for people and logs.
func (k Key) String() string { return fmt.Sprintf("%016x%016x", k.Hi, k.Lo) }
