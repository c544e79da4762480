package delivery_test

import (
	"net"
	"net/netip"
	"strconv"
	"sync"
	"testing"

	"github.com/orderbell/orderbell/internal/delivery/netguard"
)

// trap listens where nobody may be sent, and remembers who came all the same.
type trap struct {
	addresses []string // as they were asked for: two of them are all addresses there are
	ports     []int

	mu      sync.Mutex
	came    map[string]bool // by the visitor's own address
	arrived chan struct{}   // closed and replaced at each arrival
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	return trapAt(t, "[::]:0", "127.0.0.1:0", "[::]:0", "[::1]:0", "0.0.0.0:0")
}

func trapAt(t *testing.T, addresses ...string) *trap {
	t.Helper()
	p := &trap{came: map[string]bool{}, arrived: make(chan struct{})}
	var open sync.WaitGroup
	t.Cleanup(open.Wait) // the last cleanup: what is below closes first
	for _, address := range addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		port := netip.MustParseAddrPort(l.Addr().String()).Port()
		host, _, _ := net.SplitHostPort(address)
		p.addresses, p.ports = append(p.addresses, host), append(p.ports, int(port))
		open.Go(func() { p.accept(l) })
		t.Cleanup(func() { l.Close() })
	}
	return p
}

func (p *trap) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.came[visitor(conn.RemoteAddr())] = true
		close(p.arrived)
		p.arrived = make(chan struct{})
		p.mu.Unlock()
		conn.Close()
	}
}

func visitor(a net.Addr) string {
	at := netip.MustParseAddrPort(a.String())
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()).String()
}

// visitors says how many came but for us. We come last to each listener: once it
// has accepted us, it has accepted all who were before.
func (p *trap) visitors(t *testing.T) int {
	t.Helper()
	var ours []string
	for i, host := range p.addresses {
		conn, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(p.ports[i])))
		if err != nil {
			t.Fatal(err)
		}
		us := visitor(conn.LocalAddr())
		conn.Close()
		p.await(us)
		ours = append(ours, us)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, us := range ours {
		delete(p.came, us)
	}
	return len(p.came)
}

func (p *trap) await(visitor string) {
	for {
		p.mu.Lock()
		here, arrived := p.came[visitor], p.arrived
		p.mu.Unlock()
		if here {
			return
		}
		<-arrived
	}
}

// everywhere opens all that this machine calls itself.
func everywhere() *netguard.Guard {
	var all []netip.Prefix
	for _, cidr := range []string{"127.0.0.0/8", "::1/128", "0.0.0.0/32", "::/128"} {
		all = append(all, netip.MustParsePrefix(cidr))
	}
	return netguard.New(netguard.Rules{Allow: all})
}
