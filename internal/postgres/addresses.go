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
	type place struct {
		host string
		port uint16
	}
	places := map[place]bool{{config.Host, config.Port}: true}
	for _, fallback := range config.Fallbacks {
		places[place{fallback.Host, fallback.Port}] = true
	}
	var found []netip.AddrPort
	for p := range places {
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
