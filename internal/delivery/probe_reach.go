package delivery

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

const soon = 30 // days to a certificate's end

// reach checks the way to the endpoint; false where there is none.
func (p *probe) reach(t *trial) bool {
	c := t.check("reach", "a connection, with a certificate that can be trusted, and no redirect")
	var proxy *proxyError
	switch {
	case t.notSent():
		p.ours(c, t.Error)
		return false
	case t.Outcome == outbox.OutcomeBlocked:
		p.report.Aside = append(p.report.Aside, t.Error)
		p.add(c, Failed, "nothing was sent: the sender's address policy does not allow this address",
			"give a URL whose host is reached at a public address, over https")
		return false
	case t.HTTPStatus == 0 && t.Connected && t.phase >= phaseSend: // a connection is there; what is wrong comes after it
	case t.HTTPStatus == 0 && errors.As(t.err, &proxy):
		p.report.Aside = append(p.report.Aside, t.Error)
		p.add(c, Failed, "no answer came: the sender's egress proxy did not reach it", t.wayMend())
		return false
	case t.HTTPStatus == 0:
		p.add(c, Failed, "no answer came: "+t.Error, t.wayMend())
		return false
	case isRedirect(t.HTTPStatus) && !t.acknowledged():
		p.add(c, Failed, "it redirects: "+t.Error, "give the sender the URL at the end of the redirects, or answer at this one")
		return true
	}
	finding, says, mend := p.secured(t.tls)
	p.add(c, finding, says, mend)
	return true
}

func isRedirect(status int) bool {
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308
}

// wayMend is what to do where no answer came.
func (t *trial) wayMend() string {
	var (
		certificate *tls.CertificateVerificationError
		handshake   *handshakeError
	)
	switch {
	case errors.As(t.err, &certificate):
		return "serve a certificate for this host that is valid today, with all certificates between it and its authority" + presented(certificate)
	case errors.As(t.err, &handshake) || t.phase == phaseTLS:
		return "serve TLS 1.2 or 1.3 at this port"
	case t.phase <= phaseProxy:
		return "check that the name leads to the server, that it listens, and that a firewall lets the sender through"
	}
	return "answer with HTTP/1.1"
}

// presented names the certificate that could not be verified.
func presented(err *tls.CertificateVerificationError) string {
	if len(err.UnverifiedCertificates) == 0 {
		return ""
	}
	leaf := err.UnverifiedCertificates[0]
	return clip(fmt.Sprintf("; this one is by %s, good from %s until %s", issuer(leaf), day(leaf.NotBefore), day(leaf.NotAfter)))
}

func issuer(c *x509.Certificate) string {
	names := append(append([]string{}, c.Issuer.Organization...), c.Issuer.CommonName)
	text := strings.Join(strings.Fields(strings.Join(names, " ")), " ")
	if text == "" {
		return "an authority without a name"
	}
	return clip(text)
}

func day(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// secured judges the connection.
func (p *probe) secured(state *tls.ConnectionState) (finding Finding, says, mend string) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return Warned, "it is reached over plain http: anybody in between can read what is sent", "serve https, and give the sender that URL"
	}
	ends := endOf(state)
	days := int(ends.Sub(p.now) / (24 * time.Hour))
	says = fmt.Sprintf("%s, certificate by %s, good until %s (%d days)",
		tls.VersionName(state.Version), issuer(state.PeerCertificates[0]), day(ends), days)
	if days < soon {
		return Warned, says, fmt.Sprintf("renew the certificate: nothing is sent from %s on", day(ends))
	}
	return Passed, says, ""
}

// endOf is until when a verified chain holds: until its first certificate ends, and of
// several chains the longest.
func endOf(state *tls.ConnectionState) time.Time {
	latest := time.Time{}
	for _, chain := range state.VerifiedChains {
		ends := chain[0].NotAfter
		for _, c := range chain {
			if c.NotAfter.Before(ends) {
				ends = c.NotAfter
			}
		}
		if ends.After(latest) {
			latest = ends
		}
	}
	if latest.IsZero() {
		return state.PeerCertificates[0].NotAfter
	}
	return latest
}
