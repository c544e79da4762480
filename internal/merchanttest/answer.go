package merchanttest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
)

// Fault is a way of not answering properly.
type Fault int

// The faults.
const (
	NoFault  Fault = iota
	Hang           // says nothing until the sender gives up or the test ends
	Reset          // resets the connection after reading the request
	Close          // closes it instead
	CutShort       // announces one byte more than Body, and closes
	Garbage        // a status line that is none
)

// Answer is one answer of a script. The zero value is status 200 without a body.
type Answer struct {
	Status int // 200 by default
	Body   string
	Header http.Header
	// Until delays the answer until the channel is closed, or the sender gives up.
	Until <-chan struct{}
	Fault Fault
}

// Success is what acknowledges: status 200 and `success`.
func Success() Answer { return Answer{Body: "success"} }

// Status answers with a status and its text.
func Status(code int) Answer { return Answer{Status: code, Body: http.StatusText(code)} }

// Broken has a fault and nothing else.
func Broken(f Fault) Answer { return Answer{Fault: f, Body: "success"} }

func (a Answer) status() int {
	if a.Status == 0 {
		return http.StatusOK
	}
	return a.Status
}

func (a Answer) write(w http.ResponseWriter) {
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status())
	fmt.Fprint(w, a.Body)
}

// breakOff takes the connection over and ends it with the fault.
func (a Answer) breakOff(w http.ResponseWriter) {
	conn, out, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	a.sendBroken(out.Writer)
	if tcp, ok := conn.(*net.TCPConn); ok && a.Fault == Reset {
		_ = tcp.SetLinger(0) // only how it is closed
	}
}

func (a Answer) sendBroken(w *bufio.Writer) {
	switch a.Fault {
	case CutShort:
		fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\n\r\n%s",
			a.status(), http.StatusText(a.status()), len(a.Body)+1, a.Body)
	case Garbage:
		fmt.Fprint(w, "these are not the bytes you are looking for\r\n\r\n")
	}
	w.Flush()
}
