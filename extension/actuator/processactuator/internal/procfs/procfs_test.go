// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const statLine = "42 (a) b (c\n) S 7 42 43 34816 42 4194560 1 2 3 4 150 50 5 6 20 -5 3 0 987654 1000 250 18446744073709551615 1\n"

func TestParseStat(t *testing.T) {
	got, err := ParseStat([]byte(statLine))
	require.NoError(t, err)
	require.Equal(t, Stat{
		PID: 42, Comm: "a) b (c\n", State: 'S', Parent: 7, Session: 43, TTY: 34816, Flags: 4194560,
		User: 150, System: 50, Nice: -5, Threads: 3, Start: 987654, RSS: 250,
	}, got)
	require.Equal(t, uint64(200), got.CPU())
	require.False(t, got.KernelThread())
	require.False(t, got.Dead())
	require.True(t, Stat{Flags: 0x00208040}.KernelThread())
	require.True(t, Stat{State: 'Z'}.Dead())
	require.True(t, Stat{State: 'X'}.Dead())

	for _, bad := range []string{"", "42", "42 (a)", "42 (a) S 1", "(a) S", "x (a) " + statLine[12:], "42 (a) S x 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"} {
		_, err := ParseStat([]byte(bad))
		require.ErrorIs(t, err, errFormat, "%q", bad)
	}
}

func TestParseStatus(t *testing.T) {
	got, err := ParseStatus([]byte("Name:\tx\nUid:\t1000\t1001\t1000\t1000\nRssAnon:\t 12 kB\nRssShmem:\t3 kB\nRssFile:\t99 kB\nVmSwap:\t5 kB\n" +
		"SigPnd:\t0000000000000100\nShdPnd:\t0000000000004000\nSigBlk:\t1\nSigIgn:\t2\nSigCgt:\t4\nNSpid:\t500\t1\n"))
	require.NoError(t, err)
	require.Equal(t, Status{UID: 1001, Private: 15 << 10, Swap: 5 << 10, Pending: 0x4100, Blocked: 1, Ignored: 2, Caught: 4, Namespace: 1}, got)
	for _, bad := range []string{"", "Name: x\n", "Uid:\t1\n", "Uid:\tx\tx\n", "Uid:\t0\t0\nVmSwap:\tx\n", "Uid:\t0\t0\nSigPnd:\tzz\n"} {
		_, err := ParseStatus([]byte(bad))
		require.ErrorIs(t, err, errStatus, "%q", bad)
	}
}

func TestParseHost(t *testing.T) {
	got, err := ParseHost([]byte("cpu  1 2 4 1000 1000 8 16 1000 1 2\ncpu0 1 2 3\nbtime 1700000000\n"))
	require.NoError(t, err)
	require.Equal(t, Host{Boot: time.Unix(1700000000, 0), Busy: 31}, got)
	for _, bad := range []string{"", "cpu 1\nbtime 1\n", "cpu a b c d e f g h\nbtime 1\n", "cpu 1 2 3 4 5 6 7 8\n", "btime x\n", "btime\n"} {
		_, err := ParseHost([]byte(bad))
		require.ErrorIs(t, err, errHost, "%q", bad)
	}
}

func TestParseUsedMemory(t *testing.T) {
	got, err := ParseUsedMemory([]byte("MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable: 60 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\n"))
	require.NoError(t, err)
	require.Equal(t, int64(46<<10), got)
	for _, bad := range []string{"", "MemTotal: x\n", "MemAvailable: 1 kB\n", "MemTotal: 1 kB\nMemAvailable: 2 kB\n"} {
		_, err := ParseUsedMemory([]byte(bad))
		require.ErrorIs(t, err, errMemory, "%q", bad)
	}
}

func TestReadSelf(t *testing.T) {
	self := os.Getpid()
	stat, err := ReadStat(self)
	require.NoError(t, err)
	require.Equal(t, self, stat.PID)
	require.Equal(t, os.Getppid(), stat.Parent)
	host, err := ReadHost()
	require.NoError(t, err)
	started := host.Boot.Add(time.Duration(stat.Start) * time.Second / TicksPerSecond)
	require.WithinDuration(t, time.Now(), started, 10*time.Minute)
	require.Positive(t, host.Busy)

	status, err := ReadStatus(self)
	require.NoError(t, err)
	require.Equal(t, os.Geteuid(), status.UID)
	require.Positive(t, status.Private)
	exe, err := Executable(self)
	require.NoError(t, err)
	want, err := os.Executable()
	require.NoError(t, err)
	require.Equal(t, want, exe)
	command, err := Command(self)
	require.NoError(t, err)
	require.Equal(t, os.Args, command)
	environment, err := Environment(self)
	require.NoError(t, err)
	require.NotEmpty(t, environment)
	_, err = Cgroup(self)
	require.NoError(t, err)
	files, err := OpenFiles(self)
	require.NoError(t, err)
	require.Positive(t, files)
	threads, err := Threads(self)
	require.NoError(t, err)
	require.Contains(t, threads, self)
	_, err = ThreadNice(self, self)
	require.NoError(t, err)
	all, err := List()
	require.NoError(t, err)
	require.Contains(t, all, self)
	boot, err := BootID()
	require.NoError(t, err)
	require.Len(t, boot, 36)
	used, err := UsedMemory()
	require.NoError(t, err)
	require.Positive(t, used)
}

func TestReadGone(t *testing.T) {
	const nobody = math.MaxInt32
	_, err := ReadStat(nobody)
	require.ErrorIs(t, err, ErrGone)
	_, err = Executable(nobody)
	require.Error(t, err)
	_, err = Command(nobody)
	require.ErrorIs(t, err, ErrGone)
	_, err = Threads(nobody)
	require.ErrorIs(t, err, ErrGone)
	_, err = ReadStatus(nobody)
	require.ErrorIs(t, err, ErrGone)
	_, err = Cgroup(nobody)
	require.ErrorIs(t, err, ErrGone)
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(statLine))
	f.Add([]byte("1 () Z 0"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseStat(text)
		if err == nil && s.Comm == "" && s.State == 0 {
			t.Fatal("accepted nothing")
		}
	})
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte("Uid:\t0\t0\nRssAnon:\t1 kB\nSigPnd:\tff\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := ParseStatus(text); err == nil && s.UID < 0 {
			t.Fatal("accepted a status without an owner")
		}
	})
}

func FuzzParseHost(f *testing.F) {
	f.Add([]byte("cpu  1 2 4 8 16 32 64 128\nbtime 1700000000\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if h, err := ParseHost(text); err == nil && h.Boot.IsZero() {
			t.Fatal("accepted a host without a boot time")
		}
	})
}

func FuzzParseUsedMemory(f *testing.F) {
	f.Add([]byte("MemTotal: 100 kB\nMemAvailable: 60 kB\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if used, err := ParseUsedMemory(text); err == nil && used < 0 {
			t.Fatal("accepted negative use")
		}
	})
}

func BenchmarkReadStat(b *testing.B) {
	self := os.Getpid()
	for b.Loop() {
		if _, err := ReadStat(self); err != nil {
			b.Fatal(err)
		}
	}
}
