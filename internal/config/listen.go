package config

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
)

// listenAddress takes a host and a port; no host means every address of the machine, and
// port 0 one that is free.
func listenAddress(text string) (string, error) {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return text, errors.New("is no address to listen at; allowed: a host and a port, such as 127.0.0.1:8401 or :8401")
	}
	return text, nil
}

// openListeners warns of tokens that could be read on the way.
func openListeners(api API) []Problem {
	if api.Listen == "" || isLoopback(api.Listen) {
		return nil
	}
	return []Problem{{
		Key:  "api.listen",
		Text: "listens beyond this machine, and speaks plain http: whoever is on the way can read merchants' tokens; let only a proxy that speaks https reach it",
	}}
}

func isLoopback(listen string) bool {
	host, _, _ := net.SplitHostPort(listen)
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.Unmap().IsLoopback()
}
