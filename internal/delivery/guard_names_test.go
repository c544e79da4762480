package delivery_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// record is what a name has. A name with neither does not exist.
type record struct {
	alias     string   // CNAME, to which the addresses then belong
	addresses []string // A and AAAA
}

// book answers look-ups of every kind, on loopback. look is told how often this
// name and kind was asked for before.
type book struct {
	address string
	look    func(name string, before int) record
	asked   atomic.Int64 // how often the resolver has connected

	mu     sync.Mutex
	before map[string]int
}

func newBook(t *testing.T, look func(name string, before int) record) *book {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &book{address: conn.LocalAddr().String(), look: look, before: map[string]int{}}
	var ended sync.WaitGroup
	ended.Go(func() {
		question := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			if _, err := conn.WriteTo(b.answer(question[:n]), from); err != nil {
				return
			}
		}
	})
	t.Cleanup(func() { conn.Close(); ended.Wait() })
	return b
}

// resolver asks the book, and nobody else: wherever Go's resolver wants to ask, it
// is connected to loopback.
func (b *book) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		b.asked.Add(1)
		var d net.Dialer
		return d.DialContext(ctx, "udp", b.address)
	}}
}

// answer writes the answer to one question (RFC 1035, 4.1).
func (b *book) answer(question []byte) []byte {
	var labels []string
	at := 12
	for question[at] != 0 {
		n := int(question[at])
		labels = append(labels, string(question[at+1:at+1+n]))
		at += 1 + n
	}
	kind := binary.BigEndian.Uint16(question[at+1:])
	found := b.find(strings.ToLower(strings.Join(labels, ".")), kind)
	records, flags := found.encode(kind), uint16(0x8180)
	if len(found.addresses) == 0 {
		flags |= 3 // no such name
	}
	answer := append([]byte(nil), question[:2]...)
	for _, v := range []uint16{flags, 1, uint16(len(records)), 0, 0} {
		answer = binary.BigEndian.AppendUint16(answer, v)
	}
	answer = append(answer, question[12:at+5]...)
	for _, r := range records {
		answer = append(answer, r...)
	}
	return answer
}

func (b *book) find(name string, kind uint16) record {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := name + "/" + string(rune(kind))
	before := b.before[key]
	b.before[key]++
	return b.look(name, before)
}

const (
	kindA     = 1
	kindCNAME = 5
	kindAAAA  = 28
)

// encode writes the records of one kind, after the alias if there is one.
func (r record) encode(kind uint16) [][]byte {
	owner := []byte{0xc0, 12} // the name in the question
	var all [][]byte
	if r.alias != "" {
		target := encodeName(r.alias)
		all = append(all, resource(owner, kindCNAME, target))
		owner = target
	}
	for _, text := range r.addresses {
		a := netip.MustParseAddr(text)
		if a.Is4() && kind == kindA || a.Is6() && kind == kindAAAA {
			all = append(all, resource(owner, kind, a.AsSlice()))
		}
	}
	return all
}

func resource(owner []byte, kind uint16, data []byte) []byte {
	b := append([]byte(nil), owner...)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = append(b, 0, 1, 0, 0, 0, 0) // internet, not to be kept
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}

func encodeName(name string) []byte {
	var b []byte
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0)
}
