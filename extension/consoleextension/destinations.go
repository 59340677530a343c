// SPDX-License-Identifier: Apache-2.0

package consoleextension

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"
)

var _ extensioncapabilities.ConfigSnapshotWatcher = (*console)(nil)

// NotifyConfigSnapshot tells in the log where telemetry goes, which an
// operator should not have to read out of the configuration.
func (c *console) NotifyConfigSnapshot(_ context.Context, snapshot extensioncapabilities.ConfigSnapshot) error {
	c.set.Logger.Info("Telemetry goes to", zap.Strings("destinations", destinations(snapshot.Effective())))
	return nil
}

// whereabouts are the keys under which exporters keep where they send to.
var whereabouts = []string{"endpoint", "path", "directory"}

// destinations lists the exporters that pipelines use, each with its endpoint
// or path where it has one, and with the signals that it gets. Connectors
// lead to other pipelines and are left out.
func destinations(conf *confmap.Conf) []string {
	signals := map[string][]string{}
	for id, settings := range section(conf, "service::pipelines") {
		signal, _, _ := strings.Cut(id, "/")
		exporters, _ := settings["exporters"].([]any)
		for _, exporter := range exporters {
			name := fmt.Sprint(exporter)
			if !conf.IsSet("connectors::"+name) && !slices.Contains(signals[name], signal) {
				signals[name] = append(signals[name], signal)
			}
		}
	}
	exporters := section(conf, "exporters")
	out := make([]string, 0, len(signals))
	for _, name := range slices.Sorted(maps.Keys(signals)) {
		slices.Sort(signals[name])
		out = append(out, name+whereabout(exporters[name])+" ("+strings.Join(signals[name], ", ")+")")
	}
	return out
}

// whereabout is where an exporter sends to, after a space; "" where it says
// nothing.
func whereabout(settings map[string]any) string {
	for _, key := range whereabouts {
		if where, ok := settings[key].(string); ok && where != "" {
			return " " + withoutPassword(where)
		}
	}
	return ""
}

// section returns the maps of one part of the configuration by their names.
func section(conf *confmap.Conf, key string) map[string]map[string]any {
	all, _ := conf.Get(key).(map[string]any)
	out := make(map[string]map[string]any, len(all))
	for name, value := range all {
		out[name], _ = value.(map[string]any)
	}
	return out
}

func withoutPassword(where string) string {
	if u, err := url.Parse(where); err == nil && u.User != nil {
		return u.Redacted()
	}
	return where
}
