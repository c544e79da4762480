package api

import (
	"crypto/rand"
	"crypto/sha256"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// A token is a mark, by which it is found where it should not be, and 260 random bits.
const (
	tokenMark  = "obt_"
	tokenBytes = len(tokenMark) + 2*26
	hintBytes  = 4
)

// NewToken returns a new token, its SHA-256, and its last characters. The token itself is
// kept by nobody but the merchant.
func NewToken() (token string, hash []byte, hint string) {
	token = tokenMark + strings.ToLower(rand.Text()+rand.Text())
	sum := hashOf(token)
	return token, sum[:], token[len(token)-hintBytes:]
}

type tokenHash [sha256.Size]byte

// hashOf is what is looked up, instead of the token: how long it takes says nothing about
// the tokens that there are.
func hashOf(token string) tokenHash { return sha256.Sum256([]byte(token)) }

// bearer returns the token of a request. given tells that it has an Authorization of any
// kind.
func bearer(r *http.Request) (token string, given bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", len(values) > 0
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimLeft(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || len(token) != tokenBytes || !strings.HasPrefix(token, tokenMark) {
		return "", true
	}
	return token, true
}

// remote is where a request comes from, for the limit of those that fail. Who has an IPv6
// address has 2^64 of them.
func remote(r *http.Request) netip.Prefix {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	address = address.Unmap()
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	prefix, _ := address.WithZone("").Prefix(bits)
	return prefix
}
