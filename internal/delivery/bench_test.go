package delivery_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/delivery"
)

const (
	inFlight = 64 // deliveries at once in the benchmarks
	bodySize = 500
)

// BenchmarkDeliver is what one delivery costs this process, beside
// BenchmarkBareTransport, which is what Go's transport costs by itself. The
// merchant is another process on loopback. cpu-ns/op is user and system time of
// this process alone; ns/op is shared with the merchant and whatever else runs.
func BenchmarkDeliver(b *testing.B) {
	address := otherProcess(b)
	courier := newCourier(b, func(o *delivery.Options) { o.Concurrency = inFlight })
	claim := claimFor(address)
	claim.EndpointURL, claim.Body = address, strings.Repeat("x", bodySize)
	perRequest(b, func() error {
		if r := courier.Deliver(b.Context(), claim); r.Error != "" {
			return fmt.Errorf("%s: %s", r.Outcome, r.Error)
		}
		return nil
	})
}

// BenchmarkBareTransport sends the same with nothing around: no rule, no excerpt,
// and the answer is read into a buffer that is there. What the headers and a
// deadline cost, which every client pays that has them, is told apart.
func BenchmarkBareTransport(b *testing.B) {
	address := otherProcess(b)
	target, err := url.Parse(address)
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{
		DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns: 512, MaxIdleConnsPerHost: inFlight, IdleConnTimeout: 4 * time.Second,
	}
	b.Cleanup(transport.CloseIdleConnections)
	body := strings.Repeat("x", bodySize)
	send := func(ctx context.Context, header http.Header) error {
		answer, err := transport.RoundTrip((&http.Request{
			Method: http.MethodPost, URL: target, Host: target.Host, Header: header,
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: bodySize,
		}).WithContext(ctx))
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		var text [64]byte
		if n, err := io.ReadFull(answer.Body, text[:]); err != io.ErrUnexpectedEOF || string(text[:n]) != "success" {
			return fmt.Errorf("read the answer: %q, %w", text[:n], err)
		}
		return nil
	}
	b.Run("alone", func(b *testing.B) {
		none := http.Header{}
		perRequest(b, func() error { return send(b.Context(), none) })
	})
	header := http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"orderbell/1.2.3"}, "Orderbell-Attempt": {"2"},
		"Orderbell-Event": {"trade.success"}, "Orderbell-Notification-Id": {"018f0000-0000-0000-0000-00000000002a"},
	}
	b.Run("headers", func(b *testing.B) {
		perRequest(b, func() error { return send(b.Context(), header) })
	})
	b.Run("headers, deadline", func(b *testing.B) {
		perRequest(b, func() error {
			ctx, end := context.WithTimeout(b.Context(), 20*time.Second)
			defer end()
			return send(ctx, header)
		})
	})
}

// perRequest runs send from many goroutines, and reports the processor time of
// this process beside the rest.
func perRequest(b *testing.B, send func() error) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(max(1, inFlight/runtime.GOMAXPROCS(0)))
	before := processorTime(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := send(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// answersOnly names the variable that makes this test binary a merchant.
const answersOnly = "ORDERBELL_TEST_MERCHANT"

// otherProcess starts the merchant and returns its URL. It ends with its
// standard input, so that it cannot outlive this process.
func otherProcess(b *testing.B) string {
	b.Helper()
	merchant := exec.CommandContext(b.Context(), os.Args[0])
	merchant.Env = append(os.Environ(), answersOnly+"=1")
	merchant.Stderr = os.Stderr
	life, err := merchant.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := merchant.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := merchant.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		life.Close()
		_ = merchant.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return "http://" + strings.TrimSpace(address) + "/notify"
}

// answerAll is the merchant: it acknowledges whatever comes, at the smallest cost
// that its own language allows, until its standard input ends.
func answerAll() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answerConn(conn)
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func answerConn(conn net.Conn) {
	defer conn.Close()
	answer := []byte("HTTP/1.1 200 OK\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 7\r\n\r\nsuccess")
	length := []byte("Content-Length: ")
	in := bufio.NewReader(conn)
	for {
		body := 0
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) == 2 {
				break
			}
			if n, ok := bytes.CutPrefix(line, length); ok {
				body, _ = strconv.Atoi(string(bytes.TrimSpace(n)))
			}
		}
		if _, err := in.Discard(body); err != nil {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}
