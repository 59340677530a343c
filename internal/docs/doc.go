// SPDX-License-Identifier: Apache-2.0

// Package docs keeps documentation true: it reads the Markdown of the
// repository, so that tests can run the commands it shows, validate the YAML it
// shows with the built distribution, and follow its links. Only tests use it.
//
// An HTML comment right above a fenced block says what the block is, where
// that is not plain from the block itself:
//
//	<!-- docs: in processors::anomaly -->   yaml: an excerpt; put it there, then validate
//	<!-- docs: builder -->                  yaml: a builder configuration
//	<!-- docs: plans -->                    yaml: a plan file
//	<!-- docs: policy -->                   yaml: a policy file
//	<!-- docs: kubernetes -->               yaml: a Kubernetes object
//	<!-- docs: run -->                      console: run it, expect the output shown
//	<!-- docs: run until TEXT -->           console: run it, interrupt it when it has said TEXT
//	<!-- docs: run while LINE says TEXT --> console: run it once LINE, meanwhile, has said TEXT
//	<!-- docs: not run: WHY -->             console: do not run it here
//
// A yaml block without such a comment is a complete Collector configuration,
// or components that validate once a pipeline is put around them. A console
// block in the README at the root is run unless it says otherwise.
package docs
