// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/homeostat/homeostat/internal/detect"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/rule"
	"github.com/homeostat/homeostat/internal/series"
	"github.com/homeostat/homeostat/internal/wire"
)

const (
	manifestKey = "manifest"
	setAsideKey = "set_aside"

	chunkSize = 1 << 20 // bytes after which a chunk is written
	maxChunks = 1 << 16
)

// keeper writes snapshots of the detection state to the storage extension, and
// restores them. Its methods are not safe for concurrent use: start restores,
// then one loop saves, then shutdown saves once more.
type keeper struct {
	p       *anomalyProcessor
	client  storage.Client
	last    manifest
	failing bool // the last save failed, and that was said
}

// openKeeper finds the storage extension.
func openKeeper(ctx context.Context, p *anomalyProcessor, host component.Host) (*keeper, error) {
	id := *p.cfg.Storage
	ext, ok := host.GetExtensions()[id]
	if !ok {
		return nil, fmt.Errorf("storage: no extension %q runs; add it to service::extensions, or remove storage", id)
	}
	store, ok := ext.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage: extension %q does not store anything (%T); name a storage extension such as file_storage", id, ext)
	}
	client, err := store.GetClient(ctx, component.KindProcessor, p.set.ID, "")
	if err != nil {
		return nil, fmt.Errorf("storage: extension %q gives no client to %q; a processor that is used in several pipelines needs a name of its own in each, for example anomaly/hosts: %w", id, p.set.ID, err)
	}
	return &keeper{p: p, client: client}, nil
}

// loop saves now and then.
func (k *keeper) loop(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			k.report(ctx, k.save(ctx, time.Now()))
		}
	}
}

// report says on change whether snapshots succeed.
func (k *keeper) report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err != nil && !k.failing:
		k.p.log.Error("cannot save the detection state; the last snapshot stays", zap.Error(err))
	case err == nil && k.failing:
		k.p.log.Info("the detection state is saved again")
	}
	k.failing = err != nil
}

// close saves for the last time.
func (k *keeper) close(ctx context.Context) error {
	err := k.save(ctx, time.Now())
	return errors.Join(err, k.client.Close(ctx))
}

// save writes all chunks of a new generation, and then the manifest. No slot
// is locked while the storage works.
func (k *keeper) save(ctx context.Context, now time.Time) error {
	var keys []series.Key
	k.p.table.Range(func(key series.Key, _ time.Time, _ *slot) bool {
		keys = append(keys, key)
		return true
	})
	w := chunkWriter{k: k, generation: k.last.generation + 1, chunk: header(chunkMagic)}
	for _, key := range keys {
		s, ok := k.p.table.Lookup(key)
		if !ok {
			continue
		}
		w.chunk, w.scratch = appendSeries(w.chunk, w.scratch, k.p.detectors, key, s.Value)
		s.Release()
		if err := w.flush(ctx, chunkSize); err != nil {
			return err
		}
	}
	for _, h := range k.p.hosts.list() {
		h.watches.Range(func(_, kept any) bool {
			if kept := kept.(*watch); kept.rule != nil {
				w.chunk = appendWatch(w.chunk, kept)
			}
			return true
		})
		if err := w.flush(ctx, chunkSize); err != nil {
			return err
		}
	}
	if err := w.flush(ctx, 0); err != nil {
		return err
	}
	next := manifest{generation: w.generation, chunks: w.chunks, before: k.last.chunks, taken: now.UnixNano()}
	if err := k.client.Set(ctx, manifestKey, next.encode()); err != nil {
		return err
	}
	for i := w.chunks; i < k.last.before; i++ { // left over from two generations ago
		if err := k.client.Delete(ctx, chunkKey(w.generation, i)); err != nil {
			return err
		}
	}
	k.last = next
	k.p.snapshotTaken.Store(next.taken)
	k.p.snapshotSize.Store(w.size)
	return nil
}

// chunkWriter collects records.
type chunkWriter struct {
	k          *keeper
	generation uint64
	chunks     uint64
	chunk      []byte
	scratch    []byte
	size       int64
}

// flush writes the chunk if it holds anything and has reached a size.
func (w *chunkWriter) flush(ctx context.Context, size int) error {
	empty := len(chunkMagic) + 1
	if len(w.chunk) <= max(size, empty) {
		return nil
	}
	if w.chunks == maxChunks {
		return fmt.Errorf("the state needs more than %d chunks of %d bytes; lower max_series", maxChunks, chunkSize)
	}
	b := seal(w.chunk)
	if err := w.k.client.Set(ctx, chunkKey(w.generation, w.chunks), b); err != nil {
		return err
	}
	w.size += int64(len(b))
	w.chunks++
	w.chunk = header(chunkMagic) // a storage may keep what it was given
	return nil
}

// chunkKey lets two generations take turns.
func chunkKey(generation, i uint64) string { return fmt.Sprintf("chunk.%d.%d", generation%2, i) }

// restore reads the newest snapshot. What cannot be read is set aside under
// another key and said; detection starts anew for it and nothing fails.
func (k *keeper) restore(ctx context.Context, now time.Time) {
	raw, err := k.client.Get(ctx, manifestKey)
	if err != nil {
		k.p.log.Error("cannot read the saved detection state; starting anew", zap.Error(err))
		return
	}
	if raw == nil {
		return
	}
	if k.last, err = decodeManifest(raw); err != nil {
		k.setAside(ctx, manifestKey, raw, err)
		return
	}
	for i := range k.last.chunks {
		key := chunkKey(k.last.generation, i)
		raw, err := k.client.Get(ctx, key)
		if err == nil && raw == nil {
			err = fmt.Errorf("%w: a chunk is missing", errDamaged)
		}
		var all []savedSeries
		var watches []savedWatch
		if err == nil {
			all, watches, err = decodeChunk(raw)
		}
		if err != nil {
			k.setAside(ctx, key, raw, err)
			continue
		}
		lost := 0
		for i := range all {
			if !k.p.adopt(&all[i], now) {
				lost++
			}
		}
		for i := range watches {
			if !k.p.adoptWatch(&watches[i], now) {
				lost++
			}
		}
		if lost > 0 {
			k.p.log.Warn("some saved series could not be restored and start anew", zap.Int("series", lost), zap.String("chunk", key))
		}
	}
	k.p.snapshotTaken.Store(k.last.taken)
	k.p.log.Info("restored the detection state", zap.Int64("series", k.p.table.Counts().Tracked),
		zap.Time("taken", time.Unix(0, k.last.taken)))
}

func (k *keeper) setAside(ctx context.Context, key string, raw []byte, cause error) {
	aside := setAsideKey + "." + key
	err := k.client.Set(ctx, aside, raw)
	k.p.log.Warn("saved detection state cannot be read and is set aside; what it held starts anew",
		zap.String("key", key), zap.String("set_aside_as", aside), zap.Int("bytes", len(raw)), zap.Error(cause), zap.NamedError("set_aside_error", err))
}

// adopt puts a saved series back into the table, unbound: its first point
// finds host and rules. False means that it could not.
func (p *anomalyProcessor) adopt(from *savedSeries, now time.Time) bool {
	var s slot
	if s.memory.UnmarshalBinary(from.memory) != nil || s.quorum.UnmarshalBinary(from.quorum) != nil || s.gate.UnmarshalBinary(from.gate) != nil {
		return false
	}
	s.received, s.interval = now.UnixNano(), s.memory.Interval()
	s.models = p.restoreModels(from.models)
	s.rules = p.restoreRules(from.rules)
	if s.gate.Open() != 0 && from.episode {
		s.episode = restoreEpisode(from)
	}
	held, admission := p.table.Admit(from.key, now)
	if admission == series.Refused {
		return false
	}
	defer held.Release()
	*held.Value = s
	if s.gate.Open() != 0 {
		p.open.add(from.key)
	}
	return true
}

// restoreModels returns a model for each detector if the snapshot has one for
// each, and otherwise none: bind makes new ones.
func (p *anomalyProcessor) restoreModels(from []saved) []detect.Model {
	if len(from) != len(p.detectors) {
		return nil
	}
	var models []detect.Model
	for i, d := range p.detectors {
		m := d.New()
		if from[i].name != d.Name() || m.UnmarshalBinary(from[i].state) != nil {
			return nil
		}
		models = append(models, m)
	}
	return models
}

// restoreRules keeps the states of rules that are still configured.
func (p *anomalyProcessor) restoreRules(from []saved) []ruleSlot {
	var out []ruleSlot
	for _, f := range from {
		r := p.rules.Named(f.name)
		var state rule.State
		if r == nil || r.Absent != nil || state.UnmarshalBinary(f.state) != nil {
			continue
		}
		out = append(out, ruleSlot{rule: r, state: state})
	}
	return out
}

func restoreEpisode(from *savedSeries) *episode {
	return &episode{
		origin: unmarshalOrigin(from.origin), field: from.field, severity: finding.Severity(from.heaviest),
		verdict: verdict{
			kind: finding.Kind(from.kind), direction: finding.Direction(from.direction), severity: finding.Severity(from.severity),
			fault: from.fault, detectors: from.detectors, rules: from.namedRules,
		},
	}
}

// adoptWatch puts a saved watch back to its host.
func (p *anomalyProcessor) adoptWatch(from *savedWatch, now time.Time) bool {
	r := p.rules.Named(from.rule)
	if r == nil || r.Absent == nil {
		return true // the rule is gone, and its watch with it
	}
	identity := pcommon.NewMap()
	for _, a := range from.identity {
		identity.PutStr(a.name, string(a.state))
	}
	w := p.hosts.of(identity, now.UnixNano()).watch(p.hosts, r, now.UnixNano())
	if w.rule == nil {
		return true // the rule is about another host by now
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state.UnmarshalBinary(from.state) != nil || w.gate.UnmarshalBinary(from.gate) != nil {
		w.state, w.gate = rule.NewWatch(now.UnixNano()), detect.Gate{}
		return false
	}
	w.state.Resume(now.UnixNano())
	if w.gate.Firing() {
		w.host.missing[r.Severity.Rank()-1].Add(1)
	}
	return true
}

// marshalOrigin writes an origin as OTLP: a synthetic point of its series.
func marshalOrigin(o wire.Origin) []byte {
	if o.IsZero() {
		return nil
	}
	md := pmetric.NewMetrics()
	o.AppendSilence(md, &finding.Finding{State: finding.Normal})
	b, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	if err != nil {
		return nil
	}
	return b
}

// unmarshalOrigin reads back what marshalOrigin wrote, and returns the zero
// Origin for anything else.
func unmarshalOrigin(b []byte) wire.Origin {
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(b)
	if err != nil {
		return wire.Origin{}
	}
	wire.StripAnomaly(md)
	var first firstOrigin
	wire.NewReader(wire.ReaderSettings{MaxSeries: 1, StaleAfter: time.Hour}).Read(md, time.Unix(0, 0), &first)
	return first.origin
}

type firstOrigin struct{ origin wire.Origin }

// Visit implements wire.Visitor.
func (f *firstOrigin) Visit(p *wire.Point) {
	if f.origin.IsZero() {
		f.origin = p.Origin()
	}
}
