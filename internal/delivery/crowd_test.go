package delivery_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	crowdSize  = 1000
	crowdBound = 64 << 20
	// Crowds that do nothing but shake hands in the same moment: most of it is garbage
	// of the cryptography, and stacks that it has made large. See the package's doc.
	handshakeBound = 96 << 20
)

// crowds are who is there at once. Each temper goes as far as it may go before it
// is cut off, and stays there: what makes a connection cost the most.
func crowds(certificate *tls.Config) map[string][]member {
	plain := func(tempers ...temper) (all []member) {
		for _, t := range tempers {
			all = append(all, member{"http", t})
		}
		return all
	}
	secure := func(tempers ...temper) (all []member) {
		for _, t := range tempers {
			all = append(all, member{"https", t})
		}
		return all
	}
	var (
		manyHeaders = stalls(ok + headerLines(126))
		longHeader  = stalls(ok + "X: " + strings.Repeat("x", 15<<10))
		allHeaders  = floods(ok, "X: "+strings.Repeat("x", 1000)+"\r\n")
		whole       = stalls(ok + headerLines(126) + "Content-Length: 65536\r\n\r\n" + strings.Repeat("x", 16<<10-1))
		body        = stalls(ok + "Content-Length: 65536\r\n\r\n" + strings.Repeat("x", 65535))
		storm       = stallsWithin(certificate, 15<<10)
	)
	return map[string][]member{
		"64 KB of headers": plain(longHeader, manyHeaders, stalls(ok+"X: "+strings.Repeat("x", 64<<10)), allHeaders),
		"64 KB of body":    plain(body, whole),
		"handshakes":       secure(silent, overTLS(certificate, silent), overTLS(certificate, stalls(ok))),
		"long chains":      secure(storm),
		"mixed": append(secure(silent, storm, overTLS(certificate, body), overTLS(certificate, whole)), plain(
			silent, manyHeaders, longHeader, allHeaders, whole, body, closesAtOnce, speaksFirst("220 mail\r\n"),
			stalls(ok), stalls(ok+"Content-Length: 7\r\n\r\nsuc"), drips(ok+"X: "), drips(ok+"Content-Length: 99999\r\n\r\n"),
			floods(ok, "X: y\r\n"), floods(ok+"\r\n", "x"), floods("", "HTTP/1.1 102 Processing\r\n\r\n"),
			resets(ok+"Content-Length: 99\r\n\r\nsuc"), stalls(ok+"Transfer-Encoding: chunked\r\n\r\n"+strings.Repeat("1\r\nx\r\n", 10000)),
		)...),
	}
}

type member struct {
	scheme string
	temper temper
}

// crowdProcess is the crowd: it prints its addresses, and then a line each time
// that one of them has gone as far as it goes. It ends with its standard input.
func crowdProcess(name string) {
	pair, err := tls.X509KeyPair([]byte(os.Getenv(crowdCertificate)), []byte(os.Getenv(crowdKey)))
	if err != nil {
		panic(err)
	}
	members := crowds(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})[name]
	var urls []string
	for _, m := range members {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		urls = append(urls, m.scheme+"://"+l.Addr().String())
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					m.temper(conn, func() { fmt.Println("held") })
				}()
			}
		}()
	}
	fmt.Println(strings.Join(urls, " "))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// crowd is a process of hostile merchants.
type crowd struct {
	urls []string
	held *bufio.Reader // a line for each connection that has gone as far as it goes
	end  func()
}

const (
	crowdName        = "ORDERBELL_TEST_CROWD"
	crowdCertificate = "ORDERBELL_TEST_CROWD_CERTIFICATE"
	crowdKey         = "ORDERBELL_TEST_CROWD_KEY"
)

func startCrowd(t *testing.T, name string, who *identity) *crowd {
	t.Helper()
	process := exec.CommandContext(t.Context(), os.Args[0])
	process.Env = append(os.Environ(), crowdName+"="+name, crowdCertificate+"="+string(who.cert), crowdKey+"="+string(who.key))
	process.Stderr = os.Stderr
	life, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	c := &crowd{held: bufio.NewReader(out), end: sync.OnceFunc(func() {
		life.Close()
		_ = process.Wait()
	})}
	t.Cleanup(c.end)
	urls, err := c.held.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	c.urls = strings.Fields(urls)
	return c
}

// waitFor waits until so many connections have gone as far as they go.
func (c *crowd) waitFor(t *testing.T, connections int) {
	t.Helper()
	for range connections {
		if _, err := c.held.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
}

// footprint is memory in bytes, as the runtime sees it. The race detector's own is
// in neither.
type footprint struct {
	used  int64 // spans of the heap that are in use, garbage included, and stacks
	taken int64 // from the system and not given back: also free spans and the runtime's own
}

func memory() footprint {
	names := []string{
		"/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes", "/memory/classes/heap/stacks:bytes",
		"/memory/classes/total:bytes", "/memory/classes/heap/released:bytes",
	}
	all := make([]metrics.Sample, len(names))
	for i, name := range names {
		all[i].Name = name
	}
	metrics.Read(all)
	bytes := func(i int) int64 { return int64(all[i].Value.Uint64()) }
	return footprint{used: bytes(0) + bytes(1) + bytes(2), taken: bytes(3) - bytes(4)}
}

// highest watches memory until it is told to stop, and returns the most there was.
func highest() (stop func() footprint) {
	end, most := make(chan struct{}), make(chan footprint)
	go func() {
		var peak footprint
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			now := memory()
			peak = footprint{max(peak.used, now.used), max(peak.taken, now.taken)}
			select {
			case <-end:
				most <- peak
				return
			case <-tick.C:
			}
		}
	}()
	return func() footprint { close(end); return <-most }
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestCrowds has a thousand hostile merchants at once, in another process, so that
// only our side is counted. It is not parallel, for the same reason.
func TestCrowds(t *testing.T) {
	who := newIdentity(t, nil, nil)
	for _, name := range []string{"mixed", "64 KB of headers", "64 KB of body", "handshakes", "long chains"} {
		t.Run(name, func(t *testing.T) {
			merchants := startCrowd(t, name, who)
			courier := delivery.New(delivery.Options{Guard: local(), RootCAs: pool(who), Concurrency: crowdSize})
			debug.FreeOSMemory()
			before, files, idle := memory(), descriptors(t), goleak.IgnoreCurrent()
			most := highest()
			outcomes := meet(t, courier, merchants)
			peak := most()
			used, taken := peak.used-before.used, peak.taken-before.taken
			t.Logf("%d connections at once used %.1f MB more at most, and took %.1f MB from the system; outcomes: %v",
				crowdSize, float64(used)/(1<<20), float64(taken)/(1<<20), outcomes)
			bound := int64(crowdBound)
			if name == "handshakes" || name == "long chains" {
				bound = handshakeBound
			}
			if raceDetector {
				bound += bound / 2 // its instructions make the frames of functions, and so the stacks, larger
			}
			if used > bound {
				t.Errorf("%d MB is more than %d MB", used>>20, bound>>20)
			}
			courier.Close()
			goleak.VerifyNone(t, idle)
			if n := descriptors(t); n != files {
				t.Errorf("%d descriptors are open, before it were %d", n, files)
			}
		})
	}
}

// untilCalm waits until next to nothing is allocated any more: all that was sent
// has been read.
func untilCalm() {
	allocated := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for before, tries := allocated(), 0; tries < 250; tries++ {
		<-tick.C
		now := allocated()
		if now-before < 64<<10 {
			return
		}
		before = now
	}
}

// meet makes a thousand attempts at once, and ends them when all have gone as far
// as they go.
func meet(t *testing.T, courier *delivery.Courier, merchants *crowd) map[outbox.Outcome]int {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[outbox.Outcome]int{}
	body := strings.Repeat("x", 10<<10)
	for i := range crowdSize {
		all.Go(func() {
			claim := claimFor(merchants.urls[i%len(merchants.urls)])
			claim.EndpointURL, claim.Body, claim.Policy.Timeout = claim.URL, body, time.Minute
			r := courier.Deliver(ctx, claim)
			mu.Lock()
			defer mu.Unlock()
			outcomes[r.Outcome]++
		})
	}
	merchants.waitFor(t, crowdSize)
	untilCalm()
	stop()
	all.Wait()
	return outcomes
}
