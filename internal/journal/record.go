// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
)

// Version of the format that this package writes.
const Version = 1

// ErrDamaged says that a record is not what was written: changed, cut off,
// misplaced, or of a later version.
var ErrDamaged = errors.New("damaged record")

const (
	magic      = "hsj"
	headerSize = len(magic) + 1 + crc32.Size
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(key string, payload []byte) uint32 {
	sum := crc32.Update(0, castagnoli, []byte(key))
	sum = crc32.Update(sum, castagnoli, []byte{0, Version})
	return crc32.Update(sum, castagnoli, payload)
}

// Encode makes the record of a value under a key.
func Encode(key string, value any) ([]byte, error) {
	payload, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", key, err)
	}
	data := make([]byte, headerSize, headerSize+len(payload))
	copy(data, magic)
	data[len(magic)] = Version
	binary.BigEndian.PutUint32(data[len(magic)+1:], checksum(key, payload))
	return append(data, payload...), nil
}

// Decode reads the record under a key into value. Its errors wrap ErrDamaged.
func Decode(key string, data []byte, value any) error {
	switch {
	case len(data) < headerSize || string(data[:len(magic)]) != magic:
		return fmt.Errorf("%w: %s does not begin like a record", ErrDamaged, key)
	case data[len(magic)] != Version:
		return fmt.Errorf("%w: %s has version %d, this program reads %d", ErrDamaged, key, data[len(magic)], Version)
	}
	payload := data[headerSize:]
	if binary.BigEndian.Uint32(data[len(magic)+1:]) != checksum(key, payload) {
		return fmt.Errorf("%w: %s has a wrong checksum", ErrDamaged, key)
	}
	if err := json.Unmarshal(payload, value); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, key, err)
	}
	return nil
}
