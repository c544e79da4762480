package delivery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
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
	var blocked *netguard.Blocked
	switch {
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
	)
	switch {
	case errors.As(err, &dns):
		return lookUpCause(dns)
	case errors.As(err, &handshake):
		return "TLS: " + handshakeCause(handshake)
	case errors.As(err, &errno):
		if errors.As(err, &op) && op.Op == "dial" {
			return "connect: " + errno.Error()
		}
		return errno.Error()
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.HasSuffix(err.Error(), "server closed idle connection"):
		return "the connection was closed"
	case strings.HasPrefix(err.Error(), "readLoopPeekFailLocked"):
		return "the server spoke before it was asked" // Go's own words end in %!w(<nil>)
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
