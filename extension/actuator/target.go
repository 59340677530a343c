// SPDX-License-Identifier: Apache-2.0

package actuator

// Target kinds of the actuators that ship with Homeostat. Others name their
// own.
const (
	KindHost       = "host"
	KindProcess    = "process"      // one process
	KindService    = "service"      // a daemon that the process actuator is configured to start
	KindUnit       = "systemd_unit" // a systemd unit
	KindFilesystem = "filesystem"   // a mounted filesystem
)

// Keys of Target.Attr, named as the semantic conventions name them where they
// do. A plan sets them by name, the engine fills the rest from the finding:
// resource and point attributes under their own names.
const (
	AttrHost         = "host.name"
	AttrHostID       = "host.id"
	AttrPID          = "process.pid"
	AttrExecutable   = "process.executable.name"
	AttrOwner        = "process.owner"
	AttrStart        = "process.start_time_unix_nano" // decimal; from the point's start timestamp
	AttrUnit         = "systemd.unit"
	AttrService      = "service" // name in the process actuator's configuration
	AttrMountpoint   = "mountpoint"
	AttrDevice       = "device"
	AttrTop          = "top"       // resource by which the actuator chooses the target: cpu, memory, io
	AttrMinimumShare = "min_share" // least share of the symptom that a chosen target must cause
)
