// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package hostidentityprocessor puts host.name, host.id and os.type of this
// host onto resources that name no host.
package hostidentityprocessor
