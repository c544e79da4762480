package demo

import (
	"errors"
	"net"
	"net/http"
	"time"
)

// partners answer in these ways; the last one does not even that.
func partners() []temper {
	return []temper{
		{"demo-partner-quick", "takes every push", 1, prompt},
		{"demo-partner-slow", "takes it after a while", 1, tardy},
		{"demo-partner-moody", "refuses each push once", 1, moody},
		{"demo-partner-down", "hangs up", 1, failing},
	}
}

// partnerDown is the index of the one that is down.
const partnerDown = 3

func tardy(nth int) answer {
	a := prompt(nth)
	a.after = 100 * time.Millisecond
	return a
}

func moody(nth int) answer {
	if nth == 1 {
		return answer{status: http.StatusServiceUnavailable, body: "not now"}
	}
	return prompt(nth)
}

// hangUp takes connections and closes them, until the listener is closed. A port where
// nobody listens could become somebody else's.
func hangUp(at net.Listener) {
	for {
		conn, err := at.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}
