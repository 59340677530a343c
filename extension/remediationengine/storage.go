// SPDX-License-Identifier: Apache-2.0

package remediationengine

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/homeostat/homeostat/internal/journal"
)

// store is a storage client as the journal needs it.
type store struct{ client storage.Client }

var _ journal.Store = store{}

// Read implements journal.Store.
func (s store) Read(ctx context.Context, keys ...string) ([][]byte, error) {
	ops := make([]*storage.Operation, 0, len(keys))
	for _, key := range keys {
		ops = append(ops, storage.GetOperation(key))
	}
	if err := s.client.Batch(ctx, ops...); err != nil {
		return nil, err
	}
	values := make([][]byte, 0, len(ops))
	for _, op := range ops {
		values = append(values, op.Value)
	}
	return values, nil
}

// Write implements journal.Store.
func (s store) Write(ctx context.Context, changes ...journal.Change) error {
	ops := make([]*storage.Operation, 0, len(changes))
	for _, c := range changes {
		if c.Value == nil {
			ops = append(ops, storage.DeleteOperation(c.Key))
			continue
		}
		ops = append(ops, storage.SetOperation(c.Key, c.Value))
	}
	return s.client.Batch(ctx, ops...)
}

// fsyncs reports whether the Collector's effective configuration tells the
// storage extension to write with fsync. Storage extensions that have no such
// key are taken not to: what is not known to be durable is not.
func fsyncs(conf *confmap.Conf, id component.ID) bool {
	extensions, _ := conf.ToStringMap()["extensions"].(map[string]any)
	for name, value := range extensions {
		var found component.ID
		if err := found.UnmarshalText([]byte(name)); err != nil || found != id {
			continue
		}
		keys, _ := value.(map[string]any)
		fsync, _ := keys["fsync"].(bool)
		return fsync
	}
	return false
}
