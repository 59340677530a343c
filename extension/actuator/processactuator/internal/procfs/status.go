// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Status is what /proc/PID/status tells beyond Stat. Signal sets have bit n-1
// set for signal n.
type Status struct {
	UID       int   // effective user id
	Private   int64 // bytes of memory that only the end of the process frees
	Swap      int64 // bytes swapped out
	Pending   uint64
	Blocked   uint64
	Ignored   uint64
	Caught    uint64
	Namespace int // process id in its own innermost namespace; 0 where unknown
}

var errStatus = errors.New("not the format of /proc/PID/status")

// ParseStatus reads the content of /proc/PID/status. Lines that a kernel does
// not write stay zero.
func ParseStatus(text []byte) (Status, error) {
	s := Status{UID: -1}
	for line := range bytes.Lines(text) {
		key, value, ok := bytes.Cut(line, []byte{':'})
		fields := bytes.Fields(value)
		if !ok || len(fields) == 0 {
			continue
		}
		var err error
		switch string(key) {
		case "Uid":
			if len(fields) < 2 {
				return Status{}, errStatus
			}
			s.UID, err = strconv.Atoi(string(fields[1]))
		case "RssAnon", "RssShmem":
			var kib int64
			kib, err = kibibytes(fields)
			s.Private += kib
		case "VmSwap":
			s.Swap, err = kibibytes(fields)
		case "SigPnd", "ShdPnd":
			var set uint64
			set, err = strconv.ParseUint(string(fields[0]), 16, 64)
			s.Pending |= set
		case "SigBlk":
			s.Blocked, err = strconv.ParseUint(string(fields[0]), 16, 64)
		case "SigIgn":
			s.Ignored, err = strconv.ParseUint(string(fields[0]), 16, 64)
		case "SigCgt":
			s.Caught, err = strconv.ParseUint(string(fields[0]), 16, 64)
		case "NSpid":
			s.Namespace, err = strconv.Atoi(string(fields[len(fields)-1]))
		}
		if err != nil {
			return Status{}, fmt.Errorf("%w: %w", errStatus, err)
		}
	}
	if s.UID < 0 {
		return Status{}, errStatus
	}
	return s, nil
}

func kibibytes(fields [][]byte) (int64, error) {
	n, err := strconv.ParseInt(string(fields[0]), 10, 53)
	return n << 10, err
}
