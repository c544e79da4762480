// Package devpg runs a private PostgreSQL: for `orderbell demo`, for
// `orderbell work --private-database`, and for tests. [Start] finds the
// programs of PostgreSQL 14 to 18 on this machine, or fetches them, makes a
// cluster in a folder of its own, and answers when it takes connections. The
// cluster goes when its owner stops it, and also when its owner is killed.
// [Server.Standby] gives it a hot standby, and [Server.Promote] makes that the
// primary; [Options].SmallDisk puts it on a disk that [Server.FillDisk] fills.
//
// # The folder
//
//	data/          the cluster
//	disk/          instead, where there is a small disk: its mount point, in which
//	               only the disk's holder and PostgreSQL see the cluster
//	postgres.log   what postgres wrote
//	lock           locked by the owner as long as it lives
//
// # Decisions
//
//   - A shell holds the read end of a pipe whose write end only we hold, and is
//     told the number of the process that it must end. When we die, however we
//     die, the pipe closes, and it stops PostgreSQL and removes the folder.
//     Because this works on every Unix. Rejected: Pdeathsig, which only Linux
//     has, which fires when the forking thread ends and not the process, and
//     which removes no folder.
//   - PostgreSQL and the shell have process groups of their own, so that Ctrl-C
//     in a terminal reaches the owner alone, which then stops them in order.
//   - A postmaster that ends unasked is not started again: whoever uses it learns
//     by [Server.Lost], and decides. Rejected: a restart from here, since it would
//     hide why it ended.
//   - A folder whose lock nobody holds is left from a run that lost its shell
//     too; the next Start removes it. A postgres that still runs in it ends by
//     itself: it looks for its postmaster.pid once a minute and quits when the
//     file is gone. Rejected: killing by a process number read from a file,
//     which may be another process by now.
//   - A random password with SCRAM on TCP, and no Unix socket at all: other
//     users of the machine can reach the port and nothing more, and no path can
//     be too long. Rejected: trust, which lets every local user in as superuser.
//   - Readiness is what postgres writes into postmaster.pid ("ready"), and a TCP
//     dial. Because that needs no driver. Rejected: pg_isready and pg_ctl, which
//     the fetched archives may lack.
//   - As root, everything of PostgreSQL runs as the user postgres, else nobody.
//     Folders above ours are never changed; one that this user can't enter is an
//     error that names it.
//   - embedded-postgres fetches and unpacks, and starts nothing. It exports no
//     call for that, so it is given a data folder ending in "/.", which it
//     refuses after unpacking and before it runs anything; success is judged by
//     the programs on the disk. Rejected: its own start, which runs as root and
//     is refused, and a fetcher of our own.
//   - An orderly shutdown has 10 s, then it becomes an immediate one. Because
//     PostgreSQL 15 hangs when it is asked while it recovers from the crash of one
//     of its processes: its checkpointer, which nobody tells, stays.
//   - A standby begins as a copy, by cp, of the data folder of a primary that is
//     shut down for it and started again, which takes about half a second.
//     Because the fetched archives have no pg_basebackup, and a copy of a running
//     cluster needs a driver. It shares the primary's password, so that one URL
//     can name both.
//   - That it streams, and that a promoted one takes writes, is read from its log
//     and from pg_control (as pg_ctl does), which need no driver.
//   - Settings of a standby are written into postgresql.conf while nothing runs,
//     so that "synchronous" holds from the primary's first commit on. A
//     synchronous standby turns synchronous_commit on: without it nothing waits.
//   - The small disk is a tmpfs that a shell mounts in a user namespace of its own
//     and holds; everybody else reaches it by /proc/PID/cwd of the holder. It works
//     the same for root and for ordinary users, and nothing stays mounted after a
//     crash: the holder ends when neither we nor the watcher hold its pipe.
//     Rejected: a mount that all see, which needs root and an unmount after a
//     crash; RLIMIT_FSIZE, which gives EFBIG and so another error than 53100; a
//     nearly full disk of the machine. It needs a kernel that lets users make
//     namespaces: not so in most containers, nor on Ubuntu from 24.04 on before
//     `sysctl kernel.apparmor_restrict_unprivileged_userns=0`.
//   - Root can't make a file on that disk (its user is unknown there), only change
//     one: what must be made there is made by PostgreSQL's user.
//   - Unix only: Windows has neither the process groups nor the shell.
package devpg
