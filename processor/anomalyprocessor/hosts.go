// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeebo/xxh3"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/homeostat/homeostat/internal/detect"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/rule"
	"github.com/homeostat/homeostat/internal/series"
	"github.com/homeostat/homeostat/internal/wire"
)

// What identifies a host, and what stands for it on resources that name none.
// Resources with neither belong to one nameless host: this pipeline's.
var (
	hostIdentity    = []string{"host.id", "host.name"}
	serviceIdentity = []string{"service.namespace", "service.name", "service.instance.id"}
)

// host sums up the series of one host. Resources are too fine for that: each
// process has one of its own. Numbers are atomic; identity never changes.
type host struct {
	resource pcommon.Resource // the identifying attributes alone; read only
	named    bool             // by hostIdentity

	seen       atomic.Int64    // receipt of its last resource, Unix nanoseconds
	series     atomic.Int64    // bound slots
	firing     [3]atomic.Int64 // series that fire, by severity
	missing    [3]atomic.Int64 // absence rules that fire, by severity
	detections [3]atomic.Int64 // episodes that fired, by severity

	watches sync.Map // *rule.Rule -> *watch
}

// detected reports whether anything was ever detected on h.
func (h *host) detected() bool {
	for i := range h.detections {
		if h.detections[i].Load() > 0 {
			return true
		}
	}
	return false
}

// hosts are all hosts of the pipeline, bounded. It is safe for concurrent use.
type hosts struct {
	absences []*rule.Rule
	limit    int
	started  int64                       // Unix nanoseconds
	heard    map[*rule.Rule]*atomic.Bool // absence rules whose metric was reported since the start; the map never changes

	mu      sync.RWMutex
	byKey   map[string]*host // guarded by mu
	nowhere *host            // where the rest goes when there are too many hosts; never changes
}

func newHosts(absences []*rule.Rule, limit int, started int64) *hosts {
	hs := &hosts{
		absences: absences, limit: limit, started: started, heard: map[*rule.Rule]*atomic.Bool{}, byKey: map[string]*host{},
		nowhere: &host{resource: pcommon.NewResource()},
	}
	for _, r := range absences {
		hs.heard[r] = new(atomic.Bool)
	}
	return hs
}

// of returns the host that a resource belongs to, and marks it as seen.
func (hs *hosts) of(resource pcommon.Map, now int64) *host {
	var buf [128]byte
	key, names := identify(buf[:0], resource)
	hs.mu.RLock()
	h := hs.byKey[string(key)]
	hs.mu.RUnlock()
	if h == nil {
		h = hs.admit(string(key), names, resource)
	}
	h.seen.Store(now)
	return h
}

// identify appends the identity of a resource to dst, and tells by which
// attributes.
func identify(dst []byte, resource pcommon.Map) ([]byte, []string) {
	for _, names := range [][]string{hostIdentity, serviceIdentity} {
		found := false
		for _, name := range names {
			v, ok := resource.Get(name)
			if ok && isName(v) {
				dst, found = append(dst, v.Str()...), true
			}
			dst = append(dst, 0)
		}
		if found {
			return dst, names
		}
		dst = dst[:0]
	}
	return dst, nil
}

// longestName is longer than any host name or id. What is longer is no name,
// and would let whoever sends it fill the memory.
const longestName = 256

func isName(v pcommon.Value) bool {
	return v.Type() == pcommon.ValueTypeStr && v.Str() != "" && len(v.Str()) <= longestName
}

func (hs *hosts) admit(key string, names []string, resource pcommon.Map) *host {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if h := hs.byKey[key]; h != nil {
		return h
	}
	if len(hs.byKey) >= hs.limit {
		return hs.nowhere
	}
	h := &host{resource: pcommon.NewResource(), named: len(names) > 0 && names[0] == hostIdentity[0]}
	for _, name := range names {
		if v, ok := resource.Get(name); ok && isName(v) {
			h.resource.Attributes().PutStr(name, v.Str())
		}
	}
	hs.byKey[key] = h
	return h
}

// placeholder returns the watch of the nameless host, which waits while no
// host is known, or nil.
func (hs *hosts) placeholder(r *rule.Rule) *watch {
	hs.mu.RLock()
	h := hs.byKey[""]
	hs.mu.RUnlock()
	if h == nil {
		return nil
	}
	if w, ok := h.watches.Load(r); ok {
		return w.(*watch)
	}
	return nil
}

// list returns all hosts.
func (hs *hosts) list() []*host {
	hs.mu.RLock()
	defer hs.mu.RUnlock()
	out := make([]*host, 0, len(hs.byKey))
	for _, h := range hs.byKey {
		out = append(out, h)
	}
	return out
}

// forget drops the hosts that have no series left and were not seen since
// before, and returns them.
func (hs *hosts) forget(before int64) []*host {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	var gone []*host
	for key, h := range hs.byKey {
		if h.series.Load() <= 0 && h.seen.Load() < before {
			delete(hs.byKey, key)
			gone = append(gone, h)
		}
	}
	return gone
}

// watch is one absence rule on one host.
type watch struct {
	rule   *rule.Rule
	host   *host
	key    series.Key  // names its episodes
	origin wire.Origin // of the synthetic points

	heardAt atomic.Int64 // the last hear, so that a batch pays once

	mu    sync.Mutex // guards everything below
	state rule.Watch
	gate  detect.Gate
}

// nobody ignores what it is told: the rule is about another host.
var nobody = &watch{}

// watch returns the watch of an absence rule on h, and begins it at now.
func (h *host) watch(hs *hosts, r *rule.Rule, now int64) *watch {
	if w, ok := h.watches.Load(r); ok {
		return w.(*watch)
	}
	w := nobody
	if h != hs.nowhere && r.Concerns(&attributes{m: h.resource.Attributes()}) {
		w = newWatch(h, r, now)
	}
	kept, _ := h.watches.LoadOrStore(r, w)
	return kept.(*watch)
}

func newWatch(h *host, r *rule.Rule, now int64) *watch {
	named := pcommon.NewMap()
	for key, p := range r.Absent.Attributes {
		named.PutStr(key, string(p))
	}
	identity, _ := identify(nil, h.resource.Attributes())
	sum := xxh3.New()
	for _, part := range [][]byte{[]byte(r.Name), identity} {
		_, _ = sum.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part))))
		_, _ = sum.Write(part)
	}
	hash := sum.Sum128()
	return &watch{
		rule: r, host: h, key: series.Key{Hi: hash.Hi, Lo: hash.Lo},
		origin: wire.NewOrigin(h.resource, scopeName, string(r.Absent.Metric), "", named),
		state:  rule.NewWatch(now),
	}
}

// hear notes that the metric was reported.
func (w *watch) hear(now int64) {
	if w.rule == nil || w.heardAt.Swap(now) == now {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state.Hear(now)
}

// see notes that an expected series was reported.
func (w *watch) see(now int64) {
	if w.rule == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state.See(now)
}

// check folds what is known at now into the gate of the watch.
func (w *watch) check(set *detect.GateSettings, now int64) detect.Outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	phase := w.state.Check(w.rule, now)
	before := w.gate.Firing()
	out := w.gate.Fold(set, w.key, now, phase)
	rank := w.rule.Severity.Rank() - 1
	switch after := w.gate.Firing(); {
	case after && !before:
		w.host.missing[rank].Add(1)
	case before && !after:
		w.host.missing[rank].Add(-1)
	}
	if out.Fired {
		w.host.detections[rank].Add(1)
	}
	return out
}

// abandon ends the watch because its host is gone.
func (w *watch) abandon(now int64) detect.Outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gate.Silence(now)
}

// finding says what the gate of the watch made of its silence.
func (w *watch) finding(out detect.Outcome, now time.Time) finding.Finding {
	f := missingFinding(out, now)
	f.Series, f.Severity, f.Fault = w.key, w.rule.Severity, w.rule.Fault
	f.Rules = []string{w.rule.Name}
	f.Metric = string(w.rule.Absent.Metric)
	if out.State == finding.Firing {
		f.Score = 1
	}
	return f
}

// account keeps the host's counts of an episode, and its heaviest severity.
func (e *episode) account(h *host, out detect.Outcome) {
	firing := out.State == finding.Firing
	if firing && e.verdict.severity.Rank() > e.severity.Rank() {
		if e.counted {
			h.firing[e.severity.Rank()-1].Add(-1)
			h.firing[e.verdict.severity.Rank()-1].Add(1)
		}
		e.severity = e.verdict.severity
	}
	if e.severity.Rank() == 0 {
		return
	}
	if firing != e.counted {
		e.counted = firing
		h.firing[e.severity.Rank()-1].Add(map[bool]int64{true: 1, false: -1}[firing])
	}
	if out.Fired {
		h.detections[e.severity.Rank()-1].Add(1)
	}
}
