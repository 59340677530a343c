// SPDX-License-Identifier: Apache-2.0

package policy

import "path"

// The three families of import that the rules speak of.
const (
	thirdParty = "*.*/..."
	collector  = "go.opentelemetry.io/collector/..."
	pdata      = "go.opentelemetry.io/collector/pdata/..."
)

// harness are programs and tests around the built binary. They stand outside
// the engines and may look into everything.
var harness = []string{"internal/e2e/...", "internal/demo/...", "internal/docs", "internal/policy", "internal/deps"}

// Rules is who may not import whom. Read it aloud: it is the architecture.
var Rules = []Rule{
	// Nouns have one home, and homes import nothing of ours.
	{From: "internal/series", Deny: "internal/...", Why: "the identity of a series is where everything begins: it knows nobody"},
	{From: "internal/series", Deny: collector, Why: "an identity is text and numbers; internal/wire translates pdata"},
	{From: "internal/finding", Deny: "internal/...", But: []string{"internal/series"}, Why: "the contract between detection and action may not know either of them"},
	{From: "internal/finding", Deny: thirdParty, But: []string{"github.com/zeebo/xxh3", "github.com/cespare/xxhash/v2"}, Why: "whoever reads findings must not inherit dependencies (a series key may hash)"},
	{From: "internal/audit", Deny: thirdParty, Why: "a contract is the standard library and words"},
	{From: "internal/operate", Deny: thirdParty, Why: "a contract is the standard library and words"},
	{From: "extension/actuator", Deny: thirdParty, Why: "anyone can write an actuator with the standard library and this contract"},
	{From: "extension/actuator", Deny: "internal/...", Why: "packages of other modules must be able to implement the contract"},

	// Engines run without a Collector.
	{From: "internal/...", Except: harness, Deny: "processor/...", Why: "engines run, and are tested, without a collector"},
	{From: "internal/...", Except: harness, Deny: "exporter/...", Why: "engines run, and are tested, without a collector"},
	{From: "internal/...", Except: harness, Deny: "receiver/...", Why: "engines run, and are tested, without a collector"},
	{From: "internal/...", Except: harness, Deny: "extension/...", But: []string{"extension/actuator"}, Why: "engines know the contract of an actuator and no extension"},
	{From: "internal/...", Except: append([]string{"internal/wire/...", "internal/rule/..."}, harness...), Deny: collector, Why: "pdata lives in internal/wire and the shells, the rest of the Collector in the shells alone"},
	{From: "internal/wire/...", Deny: collector, But: []string{pdata}, Why: "wire walks pdata and needs no other part of the Collector"},

	// Nobody builds on a test harness.
	{From: "cmd/...", Deny: "internal/e2e/...", Why: "tests are no library"},
}

// ComponentRules keeps each component folder away from every other: they meet
// through contract packages that they find with host.GetExtensions in Start.
func ComponentRules(components []string) []Rule {
	var rules []Rule
	for _, component := range components {
		for _, other := range components {
			if other != component {
				rules = append(rules, Rule{
					From: path.Join(component, "..."), Deny: path.Join(other, "..."),
					Why: "components never import each other, they meet through a contract package",
				})
			}
		}
	}
	return rules
}
