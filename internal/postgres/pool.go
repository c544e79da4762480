package postgres

import (
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pool is a few connections for statements of one kind.
type pool struct {
	*pgxpool.Pool

	of *DB
}

// failed gives up every connection of the worker where one was lost, or has led to a
// server that takes no writes any more: one way leads to all of them. Otherwise each
// would have to be found out by itself, after the same silence. Where the server has
// none left, those that are idle are given up too: results and leases must not starve
// because looks came first.
func (p *pool) failed(err error) {
	short := hasCode(err, "53300")
	if !short && !lost(err) {
		return
	}
	p.of.reset()
	if short {
		signal(p.of.shortage)
	}
}

// reset gives up every connection; what is in use is given up when it comes back.
func (db *DB) reset() {
	for _, pool := range db.pools() {
		pool.Reset()
	}
}

// lost tells whether a connection was lost, rather than never made.
func lost(err error) bool {
	var (
		refused *pgconn.PgError
		unmade  *pgconn.ConnectError
		network net.Error
	)
	switch {
	case errors.As(err, &refused):
		return refused.Code == "25006"
	case errors.As(err, &unmade):
		return false
	}
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
