package delivery_test

import (
	"encoding/binary"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/delivery/netguard"
	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/outbox"
)

// nameServer answers look-ups on loopback: lookUp returns the IPv4 addresses of a
// name, none where it does not exist.
func nameServer(t *testing.T, lookUp func(name string) []string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			question := make([]byte, 1500)
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			if _, err := conn.WriteTo(lookedUp(question[:n], lookUp), from); err != nil {
				return
			}
		}
	})
	t.Cleanup(func() { conn.Close(); ended.Wait() })
	return conn.LocalAddr().String()
}

// lookedUp writes the answer to one DNS question (RFC 1035, 4.1).
func lookedUp(question []byte, lookUp func(string) []string) []byte {
	var labels []string
	at := 12
	for question[at] != 0 {
		n := int(question[at])
		labels = append(labels, string(question[at+1:at+1+n]))
		at += 1 + n
	}
	kind := binary.BigEndian.Uint16(question[at+1:])
	addrs := lookUp(strings.Join(labels, "."))
	flags := uint16(0x8180)
	if len(addrs) == 0 {
		flags |= 3 // no such name
	}
	if kind != 1 { // only A has records
		addrs = nil
	}
	b := append([]byte(nil), question[:2]...)
	for _, v := range []uint16{flags, 1, uint16(len(addrs)), 0, 0} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	b = append(b, question[12:at+5]...)
	for _, a := range addrs {
		b = append(b, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		b = append(b, netip.MustParseAddr(a).AsSlice()...)
	}
	return b
}

func portOf(m *merchanttest.Merchant) string { return m.URL[strings.LastIndex(m.URL, ":"):] }

// The guard closes loopback here, and every name that is looked up is loopback:
// however 127.0.0.1 is spelled, nothing is sent.
func TestOddSpellingsOfAnAddress(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	server := nameServer(t, func(string) []string { return []string{"127.0.0.1"} })
	courier := newCourier(t, func(o *delivery.Options) { o.Guard, o.Resolver = nil, resolverAt(t, server) })
	for _, host := range []string{
		"0x7f.0.0.1", "0x7f000001", "0X7F.1", "0177.0.0.1", "00177.0.0.01", "017700000001", "2130706433", "127.1", "127.0.1",
		"127.0.0.1.", "127.0.0.001", "1.0.0.127.in-addr.arpa", "localhost", "localhost.", "LOCALHOST", "shop.example.",
		"①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1", "１２７.0.0.1", "127%2e0%2e0%2e1",
		"[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:0:7f00:1]",
		"[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[fe80::5efe:7f00:1]", "[::1%25lo]", "[fe80::1%25lo]", "0", "0.0.0.0", "[::]",
	} {
		r := courier.Deliver(t.Context(), claimFor("http://"+host+portOf(m)+"/n"))
		switch {
		case r.Outcome == outbox.OutcomeBlocked && strings.HasPrefix(r.Error, "blocked by the address policy: "):
		case r.Outcome == outbox.OutcomeUnreachable && strings.HasPrefix(r.Error, "DNS: no such host "):
		case r.Outcome == outbox.OutcomeRejected && r.Error == "nothing was sent: the URL cannot be read":
		default:
			t.Errorf("%s: %+v", host, r)
		}
	}
	if got := m.Requests(); len(got) != 0 {
		t.Errorf("%d requests came through", len(got))
	}
}

// A name is judged by what it resolves to at each dial, not by what it was before.
func TestResolverThatAnswersDifferentlyTheSecondTime(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	m.Script("", merchanttest.Answer{Body: "success", Header: http.Header{"Connection": {"close"}}})
	var mu sync.Mutex
	var addr string
	server := nameServer(t, func(string) []string {
		mu.Lock()
		defer mu.Unlock()
		return []string{addr}
	})
	courier := newCourier(t, func(o *delivery.Options) { o.Resolver = resolverAt(t, server) })
	for _, c := range []struct {
		addr    string
		outcome outbox.Outcome
		status  int
		error   string
	}{
		{"127.0.0.1", outbox.OutcomeAcknowledged, 200, ""},
		{"169.254.169.254", outbox.OutcomeBlocked, 0, "blocked by the address policy: 169.254.169.254 is in 169.254.0.0/16 (link-local, with the clouds' metadata services), which is never open"},
		{"10.0.0.1", outbox.OutcomeBlocked, 0, "blocked by the address policy: 10.0.0.1 is in 10.0.0.0/8 (private); network.allow can open it"},
		{"127.0.0.1", outbox.OutcomeAcknowledged, 200, ""},
	} {
		mu.Lock()
		addr = c.addr
		mu.Unlock()
		want(t, courier.Deliver(t.Context(), claimFor("http://shop.example"+portOf(m))), c.outcome, c.status, c.error)
	}
	if n := len(m.Requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// Every candidate is judged: one that is open does not open the others.
func TestNameWithSeveralAddresses(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	server := nameServer(t, func(name string) []string {
		if name == "mixed.example" {
			return []string{"169.254.169.254", "127.0.0.1", "10.0.0.1"}
		}
		return []string{"169.254.169.254", "10.0.0.1"}
	})
	courier := newCourier(t, func(o *delivery.Options) { o.Resolver = resolverAt(t, server) })
	want(t, courier.Deliver(t.Context(), claimFor("http://mixed.example"+portOf(m))), outbox.OutcomeAcknowledged, 200, "")
	if r := courier.Deliver(t.Context(), claimFor("http://closed.example"+portOf(m))); r.Outcome != outbox.OutcomeBlocked {
		t.Errorf("got %+v", r)
	}
}

func TestNameThatDoesNotExist(t *testing.T) {
	t.Parallel()
	server := nameServer(t, func(string) []string { return nil })
	courier := newCourier(t, func(o *delivery.Options) { o.Resolver = resolverAt(t, server) })
	want(t, courier.Deliver(t.Context(), claimFor("https://u:secret@shop.example/n?secret")), outbox.OutcomeUnreachable, 0,
		"DNS: no such host shop.example")
}

// An answer cannot send the courier anywhere: neither to an address that is
// closed nor to one that is open.
func TestRedirectsLeadNowhere(t *testing.T) {
	t.Parallel()
	other := merchanttest.New(t)
	for _, method := range []string{"POST", "GET"} {
		for _, status := range []int{300, 301, 302, 303, 304, 305, 307, 308} {
			for _, to := range []string{other.URL + "/n", "http://169.254.169.254/latest", "//169.254.169.254", "/n", "file:///etc/passwd", "::"} {
				m := merchanttest.New(t)
				m.Script("", merchanttest.Answer{Status: status, Header: http.Header{"Location": {to}, "Refresh": {"0; url=" + other.URL}}})
				claim := claimFor(m.URL + "/n")
				claim.Policy.Method = method
				r := newCourier(t, nil).Deliver(t.Context(), claim)
				if r.Outcome != outbox.OutcomeAnswered || r.HTTPStatus != status || !strings.Contains(r.Error, "; redirects are not followed") {
					t.Errorf("%s, %d to %s: %+v", method, status, to, r)
				}
				if n := len(m.Requests()); n != 1 {
					t.Errorf("%s, %d to %s: %d requests", method, status, to, n)
				}
			}
		}
	}
	if n := len(other.Requests()); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// A guard that opens nothing blocks before a name of the open internet is asked
// for a connection, in both schemes.
func TestDatabaseIsNotDialledByName(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	server := nameServer(t, func(string) []string { return []string{"127.0.0.1"} })
	guard := netguard.New(netguard.Rules{
		Allow:    []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Database: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1" + portOf(m))},
	})
	courier := newCourier(t, func(o *delivery.Options) { o.Guard, o.Resolver = guard, resolverAt(t, server) })
	for _, scheme := range []string{"http", "https"} {
		want(t, courier.Deliver(t.Context(), claimFor(scheme+"://db.example"+portOf(m))), outbox.OutcomeBlocked, 0,
			"blocked by the address policy: 127.0.0.1"+portOf(m)+" is the database itself, which is never open")
	}
	if n := len(m.Requests()); n != 0 {
		t.Errorf("%d requests reached the database", n)
	}
}
