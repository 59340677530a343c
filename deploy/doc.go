// SPDX-License-Identifier: Apache-2.0

// Package deploy holds what an installation needs: the container image, the
// systemd unit and its drop-ins. Its tests ask the tools that will read these
// files what they think of them.
package deploy
