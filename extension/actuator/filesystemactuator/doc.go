// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../../../tools.mod mdatagen metadata.yaml

// Package filesystemactuator is an extension that explains what fills a filesystem and cleans it by recipes named in its configuration. It runs on Linux only.
package filesystemactuator
