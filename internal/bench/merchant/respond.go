package merchant

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	answer  = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nsuccess"
	refusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

	// noteHeader names what is noted of a request.
	noteHeader = "Orderbell-Notification-Id"

	// readBuffer holds the head of a request; no line of it may be longer.
	readBuffer = 4 << 10

	// mostHanging is how many requests may hang at once, a goroutine and a descriptor
	// each; one more is cut off.
	mostHanging = 4096
)

var errMalformed = errors.New("no request that this merchant understands")

// request is what matters of a request's head.
type request struct {
	delay  time.Duration
	note   bool
	hang   bool
	id     string
	length int
}

// respond answers the requests of one connection, one after the other.
func respond(conn net.Conn, log *log) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, readBuffer)
	for {
		r, err := readHead(in)
		if errors.Is(err, errMalformed) {
			_, _ = io.WriteString(conn, refusal)
			return
		}
		if err != nil {
			return
		}
		noted := log.take(r.id)
		if _, err := in.Discard(r.length); err != nil {
			return
		}
		if r.hang {
			hang(conn, log)
			return
		}
		if r.delay > 0 {
			time.Sleep(r.delay)
		}
		log.answer(noted)
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

// hang waits for the other end to give up.
func hang(conn net.Conn, log *log) {
	if !log.hang() {
		return
	}
	defer log.unhang()
	var one [1]byte
	_, _ = conn.Read(one[:])
}

// readHead reads the request line and the headers, and leaves the body.
func readHead(in *bufio.Reader) (request, error) {
	line, err := readLine(in)
	if err != nil {
		return request{}, err
	}
	r, err := readTarget(line)
	if err != nil {
		return request{}, err
	}
	for {
		line, err := readLine(in)
		if err != nil {
			return request{}, err
		}
		if len(line) == 0 {
			return r, nil
		}
		if err := r.header(line); err != nil {
			return request{}, err
		}
	}
}

// readLine returns a line without its end, valid until the next read.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("%w: a line is too long", errMalformed)
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// readTarget reads a request line, as in POST /d/50ms HTTP/1.1.
func readTarget(line []byte) (request, error) {
	_, rest, _ := strings.Cut(string(line), " ")
	path, version, _ := strings.Cut(rest, " ")
	if path == "/h" && version == "HTTP/1.1" {
		return request{hang: true}, nil
	}
	delay, counted := strings.CutPrefix(path, "/d/")
	delay, noted := strings.CutPrefix(delay, "/r/")
	wait, err := time.ParseDuration(delay)
	if err != nil || version != "HTTP/1.1" || !counted && !noted {
		return request{}, fmt.Errorf("%w: %q", errMalformed, line)
	}
	return request{delay: wait, note: noted}, nil
}

// header reads a header line.
func (r *request) header(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	switch {
	case is(name, "Content-Length"):
		length, err := strconv.Atoi(string(bytes.TrimSpace(value)))
		if err != nil || length < 0 {
			return fmt.Errorf("%w: the length %q", errMalformed, value)
		}
		r.length = length
	case is(name, "Transfer-Encoding"), is(name, "Expect"):
		return fmt.Errorf("%w: %s", errMalformed, name)
	case r.note && is(name, noteHeader):
		r.id = string(bytes.TrimSpace(value))
	}
	return nil
}

// is compares names of headers, which may be written in any case.
func is(name []byte, want string) bool {
	return len(name) == len(want) && strings.EqualFold(string(name), want)
}
