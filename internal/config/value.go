package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The parsers here return errors that go on from the value, as in
// `"many" is no whole number`, and never contain it.

// wholeNumber takes decimal numbers in a range, both ends included.
func wholeNumber(low, high int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		switch {
		case errors.Is(err, strconv.ErrSyntax):
			return n, fmt.Errorf("is no whole number; allowed: %d to %d", low, high)
		case err != nil || n < low || n > high:
			return n, fmt.Errorf("is out of range; allowed: %d to %d", low, high)
		}
		return n, nil
	}
}

func port(text string) (uint16, error) {
	n, err := wholeNumber(1, 65535)(text)
	return uint16(n), err
}

func shutdownTimeout(text string) (time.Duration, error) {
	const allowed = "allowed: 0s to 10m, with a unit, such as 30s"
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("is no duration; " + allowed)
	}
	if d < 0 || d > 10*time.Minute {
		return 0, errors.New("is out of range; " + allowed)
	}
	return d, nil
}

func yesNo(text string) (bool, error) {
	word, err := oneOf("true", "false")(strings.ToLower(text))
	return word == "true", err
}

func oneOf(words ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return text, errors.New("is not known; allowed: " + strings.Join(words, ", "))
		}
		return text, nil
	}
}

func logLevel(text string) (slog.Level, error) {
	var level slog.Level
	if _, err := oneOf("debug", "info", "warn", "error")(text); err != nil {
		return level, err
	}
	return level, level.UnmarshalText([]byte(text))
}

// addressRange takes a CIDR, or an address, which stands for itself alone.
func addressRange(text string) (netip.Prefix, error) {
	bad := errors.New("is no address range; allowed: a CIDR such as 10.20.0.0/16 or fd00::/8, or one address")
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return prefix, bad
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if prefix.Addr().Is4In6() {
		return prefix, errors.New("is an IPv4 range in IPv6 clothes; write it as IPv4")
	}
	if whole := prefix.Masked(); whole != prefix {
		return prefix, fmt.Errorf("has address bits beyond its length; write %s", whole)
	}
	return prefix, nil
}

// databaseURL checks the shape alone: PostgreSQL's own rules are pgx's affair. No
// cause is passed on, since those of net/url quote the password.
func databaseURL(text string) (string, error) {
	if strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://") {
		if _, err := url.Parse(text); err != nil {
			return text, errors.New("is no valid URL; special characters in the user or password are written as %40 for @, %2F for /, %23 for #")
		}
		return text, nil
	}
	word, _, found := strings.Cut(text, "=")
	word = strings.TrimSpace(word)
	if !found || word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return text, errors.New("is no PostgreSQL address; allowed: host=... dbname=..., or postgres://user@host:5432/name")
	}
	return text, nil
}

// proxyURL wants a port, since proxies have no common one. No cause is passed on:
// it could quote the password.
func proxyURL(text string) (Proxy, error) {
	bad := errors.New("is no proxy; allowed: http://host:port or http://user:password@host:port, with special characters of the password as %40 for @, %2F for /, %23 for #")
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.Opaque != "" {
		return "", bad
	}
	if _, err := port(u.Port()); err != nil {
		return "", bad
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return "", errors.New("has more than a host and a port behind http://")
	}
	return Proxy(text), nil
}
