package delivery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/orderbell/orderbell/internal/delivery/netguard"
	"github.com/orderbell/orderbell/internal/outbox"
)

// failed says what an attempt without a whole answer came to. So far is what had
// come of one.
func (t *trip) failed(err error, soFar answer) outbox.Result {
	result := soFar.result()
	result.RetryAfter = 0 // a broken answer asks for nothing
	at := t.phase().String()
	if soFar.status != 0 {
		at = fmt.Sprintf("%s; status %d, %d bytes came", at, soFar.status, len(soFar.body))
	}
	result.Connected = soFar.status != 0 || t.connected()
	var (
		blocked *netguard.Blocked
		proxy   *proxyError
	)
	fault := ""
	if !result.Connected {
		fault = t.fault(err)
	}
	switch {
	case fault != "":
		return unsent(fault)
	case errors.As(err, &proxy) && proxy.status == http.StatusForbidden:
		result.Outcome, result.Error = outbox.OutcomeBlocked, proxy.Error()
	case errors.As(err, &blocked):
		result.Outcome, result.Error = outbox.OutcomeBlocked, blocked.Error()
	case errors.Is(context.Cause(t), errDeadline):
		result.Outcome, result.Error = outbox.OutcomeTimeout, fmt.Sprintf("no answer within %s (phase: %s)", t.timeout, at)
	case t.parent.Err() != nil:
		result.Outcome, result.Error = outbox.OutcomeInterrupted, fmt.Sprintf("the worker was stopping (phase: %s)", at)
	case soFar.status != 0:
		result.Outcome = outbox.OutcomeUnreachable
		result.Error = fmt.Sprintf("the answer was cut short: %s (status %d, %d bytes came)", cause(err), soFar.status, len(soFar.body))
	default:
		result.Outcome, result.Error = outbox.OutcomeUnreachable, cause(err)
	}
	return result
}

// unsent is the result of an attempt that a fault of ours kept from being made.
func unsent(fault string) outbox.Result {
	return outbox.Result{Outcome: outbox.OutcomeInterrupted, Ours: true, Error: "nothing was sent: " + fault}
}

// fault says what on our side kept an attempt from reaching its endpoint, or
// nothing where it may as well be the endpoint's.
func (t *trip) fault(err error) string {
	var proxy *proxyError
	if text := shortage(err); text != "" {
		return "our own network: " + text
	}
	if errors.As(err, &proxy) && proxy.status != http.StatusForbidden && !proxy.unreached() {
		return proxy.Error()
	}
	if p := t.phase(); t.proxied && (p == phaseDNS || p == phaseConnect) && errors.Is(context.Cause(t), errDeadline) {
		return fmt.Sprintf("the egress proxy was not reached within %s (phase: %s)", t.timeout, p)
	}
	return ""
}

// shortages are errors of sockets that no endpoint can cause.
var shortages = []syscall.Errno{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ENETDOWN,
}

// shortage says what a dial lacked on this machine. Go's resolver hands on an error
// of its own socket as a text that ends in the system's words.
func shortage(err error) string {
	var (
		dns   *net.DNSError
		errno syscall.Errno
		op    *net.OpError
	)
	if errors.As(err, &dns) {
		for _, e := range shortages {
			if strings.HasSuffix(dns.Err, e.Error()) {
				return "DNS: " + e.Error()
			}
		}
		return ""
	}
	if !errors.As(err, &errno) || !errors.As(err, &op) {
		return ""
	}
	if slices.Contains(shortages, errno) || errno == syscall.EADDRNOTAVAIL && toIPv4(op.Addr) {
		return errno.Error()
	}
	return ""
}

// toIPv4 tells a lack of local ports from a machine without IPv6: there,
// connecting to any IPv6 address says the same, and whoever writes an AAAA record
// could stop us.
func toIPv4(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.To4() != nil
}

// transportPrefixes say what every error of the transport has in common.
var transportPrefixes = strings.NewReplacer("net/http: ", "", "HTTP/1.x transport connection broken: ", "")

// cause puts a network error into words that stay the same from one attempt to
// the next: no local ports, no addresses of pointers, no URL.
func cause(err error) string {
	var (
		dns       *net.DNSError
		handshake *handshakeError
		errno     syscall.Errno
		op        *net.OpError
		proxy     *proxyError
	)
	switch {
	case errors.As(err, &proxy):
		return proxy.Error()
	case errors.As(err, &dns):
		return lookUpCause(dns)
	case errors.As(err, &handshake):
		return "TLS: " + handshakeCause(handshake)
	case errors.As(err, &errno):
		if errors.As(err, &op) && op.Op == "dial" {
			return "connect: " + errno.Error()
		}
		return errno.Error()
	case errors.As(err, &op) && op.Op == "remote error": // an alert, such as for a missing client certificate
		return clip("TLS: the server says: " + strings.TrimPrefix(op.Err.Error(), "tls: "))
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.HasSuffix(err.Error(), "server closed idle connection"):
		return "the connection was closed"
	case errors.Is(err, errUnasked) || strings.HasPrefix(err.Error(), "readLoopPeekFailLocked"):
		return errUnasked.Error() // Go's own words end in %!w(<nil>)
	case errors.Is(err, errHeaderLines):
		return errHeaderLines.Error()
	case errors.As(err, &op):
		return clip(op.Op + ": " + op.Err.Error())
	}
	return clip(transportPrefixes.Replace(err.Error()))
}

func lookUpCause(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return clip("DNS: no such host " + err.Name)
	case err.IsTimeout:
		return clip("DNS: the resolver did not answer for " + err.Name)
	}
	return clip("DNS: the resolver failed for " + err.Name)
}

func handshakeCause(h *handshakeError) string {
	var (
		invalid   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		record    tls.RecordHeaderError
		errno     syscall.Errno
	)
	switch {
	case errors.As(h.err, &invalid) && invalid.Reason == x509.Expired:
		return period(invalid.Cert)
	case errors.As(h.err, &authority):
		return "certificate signed by an unknown authority"
	case errors.As(h.err, &hostname):
		return clip(fmt.Sprintf("certificate is not for %s but for %s", h.host, names(hostname.Certificate)))
	case errors.As(h.err, &record):
		return "the server does not speak TLS"
	case errors.Is(h.err, errHandshake):
		return errHandshake.Error()
	case errors.As(h.err, &errno):
		return errno.Error()
	case errors.Is(h.err, io.EOF) || errors.Is(h.err, io.ErrUnexpectedEOF):
		return "the connection was closed during the handshake"
	}
	return clip(strings.TrimPrefix(h.err.Error(), "tls: "))
}

// period tells an expired certificate from one of the future: Go calls both expired.
func period(c *x509.Certificate) string {
	if c == nil {
		return "certificate expired"
	}
	if time.Now().Before(c.NotBefore) {
		return "certificate is not valid before " + c.NotBefore.UTC().Format(time.DateOnly)
	}
	return "certificate expired on " + c.NotAfter.UTC().Format(time.DateOnly)
}

func names(c *x509.Certificate) string {
	if c == nil || len(c.DNSNames)+len(c.IPAddresses) == 0 {
		return "no name"
	}
	all := slices.Clone(c.DNSNames) // certificates are shared between connections
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	return strings.Join(all, ", ")
}
