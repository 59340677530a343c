// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Rule says that packages must not depend on others, directly or through
// packages of ours. Patterns are folders of this module ("internal/series") or
// import paths ("go.uber.org/zap"); "/..." at the end takes what is below too
// and "*" stands for one path element, so that "*.*/..." is everything that is
// neither ours nor the standard library's.
type Rule struct {
	From   string
	Except []string // packages matched by From that this rule leaves alone
	Deny   string
	But    []string // packages matched by Deny that are allowed all the same
	Why    string
}

// Graph is which package imports which: folders of this module by their path
// in it, everything else by import path.
type Graph map[string][]string

// Imports is the graph of what the module's own files import; test files do
// not count, they may use what they test against.
func (t Tree) Imports() Graph {
	graph := make(Graph)
	for _, file := range t.Files {
		if file.Test {
			continue
		}
		from := file.Dir()
		if _, known := graph[from]; !known {
			graph[from] = nil // a package without imports is bound by rules too
		}
		graph[from] = append(graph[from], nil...)
		for _, imported := range file.Imports() {
			to := strings.TrimPrefix(imported, Module+"/")
			if !slices.Contains(graph[from], to) {
				graph[from] = append(graph[from], to)
			}
		}
	}
	for _, imports := range graph {
		slices.Sort(imports)
	}
	return graph
}

// Violations lists, for every rule, the shortest way in which each package
// that it binds comes to depend on something denied. A rule that binds no
// package is a violation as well: it would hold nothing to anything.
func Violations(graph Graph, rules []Rule) []string {
	var found []string
	packages := slices.Sorted(maps.Keys(graph))
	for _, rule := range rules {
		bound := 0
		for _, from := range packages {
			if !matches(rule.From, from) || matchesAny(rule.Except, from) {
				continue
			}
			bound++
			if way := graph.way(from, rule); way != nil {
				found = append(found, fmt.Sprintf("%s\n\t%s", strings.Join(way, " -> "), rule.Why))
			}
		}
		if bound == 0 {
			found = append(found, fmt.Sprintf("the rule from %s to %s binds no package", rule.From, rule.Deny))
		}
	}
	return found
}

// way is the shortest chain of imports from a package to something the rule
// denies, or nil. It walks on through our own packages only.
func (g Graph) way(from string, rule Rule) []string {
	before := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, to := range g[queue[0]] {
			if _, seen := before[to]; seen {
				continue
			}
			before[to] = queue[0]
			if matches(rule.Deny, to) && !matchesAny(rule.But, to) && !matches(rule.From, to) {
				return trace(before, to)
			}
			queue = append(queue, to)
		}
	}
	return nil
}

func trace(before map[string]string, to string) []string {
	var way []string
	for step := to; step != ""; step = before[step] {
		way = append(way, step)
	}
	slices.Reverse(way)
	return way
}

func matchesAny(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, pkg) })
}

func matches(pattern, pkg string) bool {
	base, below := strings.CutSuffix(pattern, "/...")
	for candidate := pkg; candidate != "." && candidate != "/"; candidate = path.Dir(candidate) {
		if ok, err := path.Match(base, candidate); ok && err == nil {
			return true
		}
		if !below {
			return false
		}
	}
	return false
}
