// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"context"
	"time"

	"github.com/homeostat/homeostat/extension/actuator/processactuator/internal/procfs"
)

// cpuShares returns, for each candidate, its share of the CPU time that the
// whole host used during window. A process that ended meanwhile has none.
func cpuShares(ctx context.Context, candidates []subject, window time.Duration) ([]float64, error) {
	before, hostBefore := ticks(candidates)
	if err := pause(ctx, window); err != nil {
		return nil, err
	}
	after, hostAfter := ticks(candidates)
	return sharesOf(before, after, hostAfter-hostBefore), nil
}

// ticks reads the CPU time of each candidate, 0 for one that is another
// process by now or none, and that of the host.
func ticks(candidates []subject) (each []uint64, host uint64) {
	each = make([]uint64, len(candidates))
	for i, p := range candidates {
		if stat, err := procfs.ReadStat(p.stat.PID); err == nil && stat.Start == p.stat.Start {
			each[i] = stat.CPU()
		}
	}
	if h, err := procfs.ReadHost(); err == nil {
		host = h.Busy
	}
	return each, host
}

// sharesOf divides what each used by what was used in all. The kernel counts
// both in whole ticks but not at the same instant, so a share may come out
// above 1 and is cut there.
func sharesOf(before, after []uint64, total uint64) []float64 {
	shares := make([]float64, len(before))
	for i := range before {
		if after[i] > before[i] && total > 0 {
			shares[i] = min(1, float64(after[i]-before[i])/float64(total))
		}
	}
	return shares
}

// memoryShares returns, for each candidate, its share of the memory in use:
// what only its end would free, swapped out or not.
func memoryShares(candidates []subject) ([]float64, error) {
	used, err := procfs.UsedMemory()
	if err != nil {
		return nil, err
	}
	shares := make([]float64, len(candidates))
	for i, p := range candidates {
		if status, err := procfs.ReadStatus(p.stat.PID); err == nil && used > 0 {
			shares[i] = min(1, float64(status.Private+status.Swap)/float64(used))
		}
	}
	return shares, nil
}

// pause waits, or returns the error of ctx.
func pause(ctx context.Context, span time.Duration) error {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
