package postgres

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Addresses returns every address and port that the URL reaches: no request may
// ever go there. A socket in a folder stands for its port on loopback.
func Addresses(ctx context.Context, url string) ([]netip.AddrPort, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", withoutPassword(err))
	}
	var found []netip.AddrPort
	for p := range places(config) {
		host, port := p.host, p.port
		if strings.HasPrefix(host, "/") {
			host = "localhost"
		}
		addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil, fmt.Errorf("look up the database's own addresses: %w", err)
		}
		for _, address := range addresses {
			found = append(found, netip.AddrPortFrom(address.Unmap(), port))
		}
	}
	return found, nil
}

// place is where a server listens.
type place struct {
	host string
	port uint16
}

// places are those that a URL names; one may be tried with TLS and without.
func places(config *pgx.ConnConfig) map[place]bool {
	found := map[place]bool{{config.Host, config.Port}: true}
	for _, fallback := range config.Fallbacks {
		found[place{fallback.Host, fallback.Port}] = true
	}
	return found
}
