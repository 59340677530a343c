// SPDX-License-Identifier: Apache-2.0

package processactuator

import (
	"regexp"
	"strings"

	"github.com/homeostat/homeostat/extension/actuator"
)

const (
	mostCommand  = 2048 // bytes of a command line that are told
	mostArgument = 512  // bytes of one argument
)

var (
	secretName = `(?i)(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|auth|credential[s]?|private[-_]?key)`
	// --db-password=x, PASSWORD=x, token:x
	secretPair = regexp.MustCompile(`^(-{0,2}[\w.-]*` + secretName + `[\w.-]*[=:]).+`)
	// --password x
	secretFlag = regexp.MustCompile(`^-{1,2}[\w.-]*` + secretName + `[\w.-]*$`)
	// scheme://user:password@host
	secretURL = regexp.MustCompile(`(://[^/\s:@]*:)[^@\s]+@`)
)

// commandLine joins arguments into text that may be shown and kept: bounded,
// printable, and without the values of arguments that look like secrets.
// That is a courtesy and no guarantee: a secret on a command line can be read
// by every user of the host anyway.
func commandLine(args []string) string {
	var out []string
	hide := false
	for _, arg := range args {
		switch {
		case hide:
			arg, hide = "***", false
		case secretFlag.MatchString(arg):
			hide = true
		default:
			arg = secretPair.ReplaceAllString(arg, "${1}***")
			arg = secretURL.ReplaceAllString(arg, "${1}***@")
		}
		out = append(out, actuator.Clean(arg, mostArgument))
	}
	return actuator.Clean(strings.Join(out, " "), mostCommand)
}
