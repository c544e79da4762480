package delivery

import (
	"crypto/tls"

	"github.com/orderbell/orderbell/internal/delivery/sign"
)

// exchange is what a probe wants of an attempt beyond its result: to change what was
// signed, and to see how the attempt went. Real attempts have none; nil does nothing.
type exchange struct {
	forge func(*sign.Signed) error // nil: it stays as it is

	phase  phase                // how far it came
	tls    *tls.ConnectionState // nil where there was no TLS
	err    error                // of the transport
	answer answer
}

// change takes and returns a value: by its address it would be on the heap in every
// attempt.
func (x *exchange) change(s sign.Signed) (sign.Signed, error) {
	if x == nil || x.forge == nil {
		return s, nil
	}
	forged := s
	err := x.forge(&forged)
	return forged, err
}

// sent is called when the head of an answer is there, or will never be.
func (x *exchange) sent(t *trip, err error) {
	if x == nil {
		return
	}
	x.phase, x.err = t.phase(), err
	if t.wire == nil {
		return
	}
	if secured, ok := t.wire.Conn.(*tls.Conn); ok {
		state := secured.ConnectionState()
		x.tls = &state
	}
}

func (x *exchange) came(a answer) {
	if x != nil {
		x.answer = a
	}
}
