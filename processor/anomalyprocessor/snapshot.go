// SPDX-License-Identifier: Apache-2.0

package anomalyprocessor

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/homeostat/homeostat/internal/detect"
	"github.com/homeostat/homeostat/internal/finding"
	"github.com/homeostat/homeostat/internal/series"
)

// The format of a snapshot. It is stored in chunks, each of which stands for
// itself, so that one that is damaged does not take the others with it:
//
//	chunk    magic "HSAC", version 1, records, CRC-32C of all before (little endian)
//	record   tag (1 series, 2 watch), payload as bytes
//	bytes    length as uvarint, that many bytes; texts likewise
//	series   key (16 bytes), memory, quorum, gate, models, rules, episode
//	models   count as uvarint, then for each: name, state as bytes
//	rules    the same
//	episode  0, or 1 and: field, kind, direction, severity, fault, detectors, rules, heaviest severity, origin (OTLP)
//	watch    rule name, identity (count, then name and value for each), state, gate
//
// A manifest (see manifest) names the chunks of the newest complete snapshot.

const (
	chunkMagic    = "HSAC"
	manifestMagic = "HSAM"
	formatVersion = 1

	recordSeries = 1
	recordWatch  = 2
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errForeign = errors.New("no snapshot of the anomaly processor")
	errDamaged = errors.New("the snapshot is damaged")
)

// saved is one named state: of a model, or of a rule.
type saved struct {
	name  string
	state []byte
}

// savedSeries is a series as a snapshot holds it.
type savedSeries struct {
	key                   series.Key
	memory, quorum, gate  []byte
	models, rules         []saved
	episode               bool // the rest is set
	field                 string
	kind, direction       string
	severity, fault       string
	detectors, namedRules []string
	heaviest              string
	origin                []byte
}

// savedWatch is a watch as a snapshot holds it.
type savedWatch struct {
	rule        string
	identity    []saved // name and value
	state, gate []byte
}

// manifest names the newest complete snapshot. Two generations take turns, so
// that a crash while one is written leaves the other whole.
type manifest struct {
	generation uint64
	chunks     uint64 // of this generation
	before     uint64 // of the generation before, to be deleted when it is overwritten by fewer
	taken      int64  // Unix nanoseconds
}

func (m manifest) encode() []byte {
	b := header(manifestMagic)
	for _, n := range [...]uint64{m.generation, m.chunks, m.before, uint64(m.taken)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return seal(b)
}

func decodeManifest(b []byte) (m manifest, err error) {
	body, err := open(manifestMagic, b)
	if err != nil {
		return m, err
	}
	if len(body) != 32 {
		return m, fmt.Errorf("%w: a manifest of %d bytes", errDamaged, len(body))
	}
	m.generation, m.chunks = binary.LittleEndian.Uint64(body), binary.LittleEndian.Uint64(body[8:])
	m.before, m.taken = binary.LittleEndian.Uint64(body[16:]), int64(binary.LittleEndian.Uint64(body[24:]))
	if max(m.chunks, m.before) > maxChunks {
		return manifest{}, fmt.Errorf("%w: %d chunks", errDamaged, max(m.chunks, m.before))
	}
	return m, nil
}

// header begins a chunk or manifest.
func header(magic string) []byte { return append([]byte(magic), formatVersion) }

// seal ends it.
func seal(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// open checks magic, version and checksum, and returns what is between.
func open(magic string, b []byte) ([]byte, error) {
	switch {
	case len(b) < len(magic)+1+4 || string(b[:len(magic)]) != magic:
		return nil, errForeign
	case b[len(magic)] != formatVersion:
		return nil, fmt.Errorf("%w: version %d, and this release reads version %d", errForeign, b[len(magic)], formatVersion)
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, fmt.Errorf("%w: its checksum is wrong", errDamaged)
	}
	return body[len(magic)+1:], nil
}

// appendSeries appends the record of a slot, which is locked. scratch is
// reused for the payload and returned.
func appendSeries(b, scratch []byte, detectors []detect.Detector, key series.Key, s *slot) (chunk, reuse []byte) {
	r := binary.LittleEndian.AppendUint64(scratch[:0], key.Hi)
	r = binary.LittleEndian.AppendUint64(r, key.Lo)
	r = appendState(r, &s.memory)
	r = appendState(r, &s.quorum)
	r = appendState(r, &s.gate)
	r = binary.AppendUvarint(r, uint64(len(s.models)))
	for i, m := range s.models {
		r = appendBytes(r, detectors[i].Name())
		r = appendState(r, m)
	}
	r = binary.AppendUvarint(r, uint64(len(s.rules)))
	for i := range s.rules {
		r = appendBytes(r, s.rules[i].rule.Name)
		r = appendState(r, &s.rules[i].state)
	}
	r = appendEpisode(r, s.episode)
	return appendBytes(append(b, recordSeries), r), r
}

func appendEpisode(b []byte, e *episode) []byte {
	if e == nil {
		return append(b, 0)
	}
	v := &e.verdict
	b = append(b, 1)
	for _, text := range [...]string{e.field, string(v.kind), string(v.direction), string(v.severity), v.fault} {
		b = appendBytes(b, text)
	}
	for _, names := range [...][]string{v.detectors, v.rules} {
		b = binary.AppendUvarint(b, uint64(len(names)))
		for _, n := range names {
			b = appendBytes(b, n)
		}
	}
	b = appendBytes(b, string(e.severity))
	return appendBytes(b, marshalOrigin(e.origin))
}

// appendWatch appends the record of a watch.
func appendWatch(b []byte, w *watch) []byte {
	r := appendBytes(nil, w.rule.Name)
	identity := w.host.resource.Attributes()
	r = binary.AppendUvarint(r, uint64(identity.Len()))
	for name, v := range identity.All() {
		r = appendBytes(appendBytes(r, name), v.Str())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r = appendState(r, &w.state)
	r = appendState(r, &w.gate)
	return appendBytes(append(b, recordWatch), r)
}

func appendBytes[T string | []byte](b []byte, v T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// appendState appends a state with its length. The states of this processor
// never fail to encode.
func appendState(b []byte, s encoding.BinaryAppender) []byte {
	at := len(b)
	b, _ = s.AppendBinary(append(b, 0)) // one byte holds the length of nearly all
	n := len(b) - at - 1
	if n < 0x80 {
		b[at] = byte(n)
		return b
	}
	state := append([]byte(nil), b[at+1:]...)
	return appendBytes(b[:at], state)
}

// decodeChunk reads a chunk. The result shares memory with b.
func decodeChunk(b []byte) (all []savedSeries, watches []savedWatch, err error) {
	body, err := open(chunkMagic, b)
	if err != nil {
		return nil, nil, err
	}
	c := cursor{rest: body}
	for len(c.rest) > 0 && !c.bad {
		tag := c.take(1)
		record := cursor{rest: c.bytes()}
		switch {
		case c.bad:
		case tag[0] == recordSeries:
			all = append(all, record.series())
		case tag[0] == recordWatch:
			watches = append(watches, record.watch())
		default:
			c.bad = true
		}
		c.bad = c.bad || record.bad || len(record.rest) > 0
	}
	if c.bad {
		return nil, nil, fmt.Errorf("%w: a record of it cannot be read", errDamaged)
	}
	return all, watches, nil
}

// cursor reads fields until one is bad; then it gives nothing more.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) take(n uint64) []byte {
	if c.bad || n > uint64(len(c.rest)) {
		c.bad = true
		return nil
	}
	taken := c.rest[:n]
	c.rest = c.rest[n:]
	return taken
}

func (c *cursor) uvarint() uint64 {
	n, used := binary.Uvarint(c.rest)
	if used <= 0 {
		c.bad = true
		return 0
	}
	c.take(uint64(used))
	return n
}

func (c *cursor) bytes() []byte { return c.take(c.uvarint()) }

func (c *cursor) text() string { return string(c.bytes()) }

// count reads how many items follow, each of at least one byte.
func (c *cursor) count() int {
	n := c.uvarint()
	if n > uint64(len(c.rest)) {
		c.bad = true
		return 0
	}
	return int(n)
}

func (c *cursor) texts() []string {
	var out []string
	for range c.count() {
		out = append(out, c.text())
	}
	return out
}

func (c *cursor) saved() []saved {
	var out []saved
	for range c.count() {
		out = append(out, saved{name: c.text(), state: c.bytes()})
	}
	return out
}

func (c *cursor) series() (s savedSeries) {
	if key := c.take(16); key != nil {
		s.key = series.Key{Hi: binary.LittleEndian.Uint64(key), Lo: binary.LittleEndian.Uint64(key[8:])}
	}
	s.memory, s.quorum, s.gate = c.bytes(), c.bytes(), c.bytes()
	s.models, s.rules = c.saved(), c.saved()
	flag := c.take(1)
	if len(flag) == 0 || flag[0] == 0 {
		return s
	}
	s.episode = true
	s.field, s.kind, s.direction = c.text(), c.text(), c.text()
	s.severity, s.fault = c.text(), c.text()
	s.detectors, s.namedRules = c.texts(), c.texts()
	s.heaviest, s.origin = c.text(), c.bytes()
	known := func(v string) bool { return v == "" || finding.Severity(v).Rank() > 0 }
	c.bad = c.bad || flag[0] != 1 || !known(s.severity) || !known(s.heaviest)
	return s
}

func (c *cursor) watch() (w savedWatch) {
	w.rule, w.identity = c.text(), c.saved()
	w.state, w.gate = c.bytes(), c.bytes()
	return w
}
