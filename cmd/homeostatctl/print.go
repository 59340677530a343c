// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/homeostat/homeostat/extension/actuator"
)

// Values of --output.
const (
	outputTable = "table"
	outputJSON  = "json"
)

// Bounds of what is shown of one text, in bytes.
const (
	maxCell = 60
	maxLine = 4096
)

// clean makes text from a host safe for a terminal: a process can be called
// anything, an escape sequence included.
func clean(text string) string { return actuator.Clean(text, maxLine) }

// cell is clean for a column of a table.
func cell(text string) string {
	if text == "" {
		return "-"
	}
	return actuator.Clean(text, maxCell)
}

// when is a point in time as people of every zone read it.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// table aligns rows of cells.
func table(w io.Writer, rows ...[]string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := fmt.Fprintln(tw, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return tw.Flush()
}

// printJSON writes value for programs, in a way that is as safe on a terminal.
func printJSON(w io.Writer, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(escapeJSON(data), '\n'))
	return err
}

// escapeJSON writes whatever JSON may contain and a terminal may obey (C1
// controls, direction overrides, invisible characters) as \u escapes. In JSON
// such characters occur within strings only, where the escapes mean the same.
func escapeJSON(data []byte) []byte {
	var out bytes.Buffer
	for _, r := range string(data) {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.Bytes()
}
