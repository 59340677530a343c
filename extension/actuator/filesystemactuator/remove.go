// SPDX-License-Identifier: Apache-2.0

package filesystemactuator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeostat/homeostat/extension/actuator"
)

const (
	// scanEvery is how old the knowledge of open files may be.
	scanEvery = 2 * time.Second
	// shownNames is how many of the removed files a result names.
	shownNames = 10
)

var (
	errReplaced = errors.New("is no longer the file that was listed")
	errSlipped  = errors.New("another file took its name in the instant of its removal")
)

// held is a file held by descriptor, and its directory.
type held struct {
	dir  *os.File
	fd   int // O_PATH
	name string
}

func (h held) close() {
	_ = unix.Close(h.fd)
	_ = h.dir.Close()
}

// hold opens exactly the file that was listed, or errs with errReplaced.
func hold(root *os.File, f file) (held, error) {
	dir, err := openBeneath(int(root.Fd()), path.Dir(f.rel))
	if err != nil {
		return held{}, fmt.Errorf("%w: %w", errReplaced, err)
	}
	fd, err := openat2(int(dir.Fd()), path.Base(f.rel), unix.O_PATH|unix.O_NOFOLLOW, beneath)
	if err != nil {
		_ = dir.Close()
		return held{}, fmt.Errorf("%w: %w", errReplaced, err)
	}
	h := held{dir, fd, path.Base(f.rel)}
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil || !f.same(&s) {
		h.close()
		return held{}, errReplaced
	}
	return h, nil
}

// unlink removes the name and then asks the held file whether it was its own.
func (h held) unlink() error {
	if err := unix.Unlinkat(int(h.dir.Fd()), h.name, 0); err != nil {
		return err
	}
	var s unix.Stat_t
	if err := unix.Fstat(h.fd, &s); err == nil && s.Nlink > 0 {
		return errSlipped
	}
	return nil
}

// remove takes one file away. It errs with errReplaced when it spared it.
func (s *site) remove(ctx context.Context, f file, quarantine *os.File, as string) error {
	h, err := hold(s.folder, f)
	if err != nil {
		return err
	}
	defer h.close()
	if quarantine != nil {
		if err := copyTo(ctx, h, f, quarantine, as); err != nil {
			return err
		}
		var now unix.Stat_t
		if unix.Fstatat(int(h.dir.Fd()), h.name, &now, unix.AT_SYMLINK_NOFOLLOW) != nil || !f.same(&now) {
			_ = unix.Unlinkat(int(quarantine.Fd()), as, 0)
			return errReplaced
		}
	}
	return h.unlink()
}

func openQuarantine(dir string, device uint64) (*os.File, error) {
	q, err := openPath(dir)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be opened: %w", shown(dir), err)
	}
	var s unix.Stat_t
	if err = unix.Fstat(int(q.Fd()), &s); err == nil && s.Dev == device {
		err = fmt.Errorf("%s is on the filesystem that is to be cleaned", shown(dir))
	}
	if err == nil {
		err = unix.Faccessat(int(q.Fd()), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	}
	if err != nil {
		_ = q.Close()
		return nil, err
	}
	return q, nil
}

// copyTo puts a copy on disk in the quarantine, or leaves nothing there.
func copyTo(ctx context.Context, h held, f file, quarantine *os.File, as string) (err error) {
	fd, err := openat2(int(h.dir.Fd()), h.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, beneath)
	if err != nil {
		return fmt.Errorf("%w: %w", errReplaced, err)
	}
	from := os.NewFile(uintptr(fd), "file")
	defer from.Close()
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil || !f.same(&s) {
		return errReplaced
	}
	out, err := unix.Openat(int(quarantine.Fd()), as, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	to := os.NewFile(uintptr(out), "copy")
	defer func() {
		if err != nil {
			_ = unix.Unlinkat(int(quarantine.Fd()), as, 0)
		}
	}()
	n, err := io.Copy(to, io.LimitReader(contextReader{ctx, from}, f.size+1))
	if err == nil && n != f.size {
		err = errReplaced
	}
	return errors.Join(err, to.Sync(), to.Close(), quarantine.Sync())
}

type contextReader struct {
	ctx context.Context //nolint:containedctx // lives for one copy
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// tally is what an operation has done so far.
type tally struct {
	files, spared int
	bytes         int64
	names         []string
	stopped       string // why it ended; empty when all that was chosen is done
}

// follow writes the intent, removes what was chosen and writes what happened.
func (e *filesystemExtension) follow(ctx context.Context, req actuator.Request, s *site, v survey) (actuator.Result, error) {
	now := time.Now().UTC()
	intent := line{
		Kind: lineIntent, Operation: req.Operation, Recipe: s.name, Root: s.recipe.Root,
		Identity: req.Identity, Time: &now, Files: len(v.files),
	}
	var quarantine *os.File
	if s.recipe.Quarantine != "" {
		q, err := openQuarantine(s.recipe.Quarantine, s.stat.Dev)
		if err != nil {
			return actuator.Result{Outcome: actuator.Refused}, fmt.Errorf("%w: quarantine: %w", actuator.ErrBlocked, err)
		}
		defer q.Close()
		quarantine = q
	}
	log, err := beginManifest(e.cfg.ManifestDirectory, intent, v.files)
	if err != nil {
		return actuator.Result{Outcome: actuator.Refused}, fmt.Errorf("%w: the manifest cannot be written: %w", actuator.ErrBlocked, err)
	}
	name := manifestName(e.cfg.ManifestDirectory, req.Operation)
	done, err := s.removeAll(ctx, v, log, quarantine, strings.TrimSuffix(filepath.Base(name), ".jsonl"))
	err = errors.Join(err, log.end())
	if done.files == 0 {
		if err == nil {
			err = errors.New("every file was spared: each had changed, was opened, or was no longer needed for the target")
		}
		return actuator.Result{Outcome: actuator.NotApplied}, fmt.Errorf("%w: %w", actuator.ErrBlocked, err)
	}
	return s.result(done, v, name), err
}

func (s *site) removeAll(ctx context.Context, v survey, log *journal, quarantine *os.File, prefix string) (done tally, err error) {
	scanned, open := time.Now(), v.open
	for i, f := range v.files {
		if err := ctx.Err(); err != nil {
			done.stopped = "the time was up"
			return done, err
		}
		u, err := usageOf(s.folder)
		if err != nil {
			return done, err
		}
		if s.reached(u) {
			done.stopped = "target_utilization was reached"
			return done, nil
		}
		if time.Since(scanned) > scanEvery {
			if open, err = scanOpen(ctx, s.stat.Dev); err != nil {
				done.stopped = "open files could no longer be seen"
				return done, err
			}
			scanned = time.Now()
		}
		moved := ""
		if quarantine != nil {
			moved = prefix + "-" + strconv.Itoa(i+1)
		}
		err = errReplaced
		if !open.holds(f.node) {
			err = s.remove(ctx, f, quarantine, moved)
		}
		switch {
		case err == nil, errors.Is(err, errSlipped):
			done.files++
			done.bytes += f.room
			if len(done.names) < shownNames {
				done.names = append(done.names, actuator.Clean(f.rel, 128))
			}
			if logErr := log.add(line{Kind: lineRemoved, Index: i + 1, Moved: moved}); logErr != nil || err != nil {
				done.stopped = "an error"
				return done, errors.Join(err, logErr)
			}
		default:
			done.spared++
			if err := log.add(line{Kind: lineSpared, Index: i + 1, Reason: actuator.Clean(err.Error(), 80)}); err != nil {
				return done, err
			}
			if !errors.Is(err, errReplaced) {
				done.stopped = "an error"
				return done, err
			}
		}
	}
	return done, nil
}

func (s *site) result(done tally, v survey, manifest string) actuator.Result {
	act := "removed"
	if s.recipe.Quarantine != "" {
		act = "moved to quarantine"
	}
	facts := map[string]string{
		"files": strconv.Itoa(done.files), "bytes": strconv.FormatInt(done.bytes, 10), "names": strings.Join(done.names, ", "),
		"changed_meanwhile": strconv.Itoa(done.spared), "spared": v.why(), "manifest": shown(manifest),
		"used_before": fmt.Sprintf("%.4f", v.usage.share()),
	}
	if u, err := usageOf(s.folder); err == nil {
		facts["used_after"] = fmt.Sprintf("%.4f", u.share())
	}
	if done.stopped != "" {
		facts["stopped"] = done.stopped
	}
	return actuator.Result{
		Outcome: actuator.Applied, Facts: facts,
		Detail: fmt.Sprintf("%s %d files (%d bytes) beneath %s", act, done.files, done.bytes, shown(s.recipe.Root)),
	}
}
