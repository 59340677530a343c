// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"

	"github.com/homeostat/homeostat/internal/console"
)

// Exit codes; the help of the root command lists them.
const (
	exitOK = iota
	exitFailed
	exitUsage
	exitUnreachable
	exitNotFound
	exitConflict
	exitUnauthorized
	exitUnconfirmed
)

// usageError is a command line that cannot be obeyed.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errUnconfirmed says that a person was asked and did not say yes.
var errUnconfirmed = errors.New("not confirmed, nothing was sent")

func exitCode(err error) int {
	var usage usageError
	var problem *console.Problem
	switch {
	case errors.As(err, &usage), isUnknownCommand(err):
		return exitUsage
	case errors.Is(err, errUnconfirmed):
		return exitUnconfirmed
	case errors.Is(err, console.ErrUnreachable):
		return exitUnreachable
	case errors.As(err, &problem):
		return exitCodeOf(problem.Status)
	default:
		return exitFailed
	}
}

func exitCodeOf(status int) int {
	switch status {
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusConflict:
		return exitConflict
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusMisdirectedRequest:
		return exitUnauthorized
	default:
		return exitFailed
	}
}

// isUnknownCommand recognises the errors of cobra that have no type: an
// unknown command, and flags that exclude each other.
func isUnknownCommand(err error) bool {
	return strings.HasPrefix(err.Error(), "unknown command ") || strings.HasPrefix(err.Error(), "if any flags in the group ")
}

// explain adds what the user can do about it.
func explain(err error) string {
	var problem *console.Problem
	hint := ""
	switch {
	case errors.As(err, &problem) && problem.Status == http.StatusUnauthorized:
		hint = "use --token-file with a token that the auth extension of the console knows"
	case errors.Is(err, context.DeadlineExceeded):
		hint = "raise --timeout, or look at the Collector's log"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		hint = "is the Collector running, with console in its extensions and in service::extensions? --endpoint names another address"
	case errors.Is(err, syscall.EACCES):
		hint = "the socket is open to the Collector's user and group: run as one of them"
	case errors.Is(err, console.ErrForeign):
		hint = "does --endpoint name the console?"
	}
	if hint == "" {
		return err.Error()
	}
	return fmt.Sprintf("%s; %s", err, hint)
}
