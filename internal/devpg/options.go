package devpg

import "log/slog"

// Options say what kind of server [Start] makes. The zero value is a good one
// for tests: a temporary folder, a free port, nothing synced to the disk.
type Options struct {
	// Dir is the folder to use. It is made where it is missing, else it must be
	// empty. Empty: a new folder for temporary files. Stop removes the folder
	// only if Start made it.
	Dir string
	// Settings are lines for postgresql.conf, and win over the defaults here.
	Settings map[string]string
	// Durable syncs commits to the disk. Without it a crash of the machine, not
	// of PostgreSQL, may spoil the cluster.
	Durable bool
	// Port on 127.0.0.1. 0: a free one.
	Port int
	// SmallDisk puts the cluster, but not its log, on a disk of that many bytes in
	// memory, for [Server.FillDisk]; a fresh cluster takes about 64 MB. 0: none.
	// Linux only, where users may make namespaces, and gone with the server even
	// if the folder stays.
	SmallDisk int64
	// Log is told of slow steps, such as fetching. Nil: nobody is told.
	Log *slog.Logger
}
