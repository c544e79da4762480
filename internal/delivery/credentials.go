package delivery

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

const (
	maxCredentialBytes = 1 << 20     // of a file
	lookAgain          = time.Second // between two looks at the files, at least
)

// CredentialFiles are PEM files of one endpoint.
type CredentialFiles struct {
	// CA holds the authorities that may vouch for it, instead of the system's.
	// Empty: the system's.
	CA string
	// Cert and Key are our certificate, with its chain, and its key: both or neither.
	Cert, Key string
}

func (f CredentialFiles) all() [3]string { return [3]string{f.CA, f.Cert, f.Key} }

// Credentials are the authorities and the client certificate of one endpoint. They
// are read again when their files change. It may be used by many goroutines.
type Credentials struct {
	endpoint string
	files    CredentialFiles
	log      *slog.Logger

	mu     sync.Mutex
	looked time.Time
	seen   [3]stamp
	said   string // the complaint that was logged last
	loaded
}

// loaded is what the files came to; what is not configured is nil.
type loaded struct {
	roots  *x509.CertPool
	client *tls.Certificate
}

// stamp tells one version of a file from another.
type stamp struct {
	at   time.Time
	size int64
}

// LoadCredentials reads the files of an endpoint. An error names the file.
func LoadCredentials(endpoint string, files CredentialFiles, log *slog.Logger) (*Credentials, error) {
	c := &Credentials{endpoint: endpoint, files: files, log: log, looked: time.Now()}
	var err error
	if c.seen, err = files.stamps(); err == nil {
		c.loaded, err = files.load()
	}
	if err != nil {
		return nil, fmt.Errorf("read the TLS files of endpoint %s: %w", endpoint, err)
	}
	return c, nil
}

// apply sets what one handshake uses.
func (c *Credentials) apply(config *tls.Config) {
	now := c.current()
	if now.roots != nil {
		config.RootCAs = now.roots
	}
	if now.client != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return now.client, nil }
	}
}

// current looks at the files, at most once a second, and keeps the last good state
// where they cannot be used: a renewal may be half done.
func (c *Credentials) current() loaded {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookAgain {
		return c.loaded
	}
	c.looked = time.Now()
	seen, err := c.files.stamps()
	if err == nil && seen == c.seen && c.said == "" {
		return c.loaded
	}
	var fresh loaded
	if err == nil {
		fresh, err = c.files.load()
	}
	if err != nil {
		c.complain(err.Error())
		return c.loaded
	}
	c.seen, c.loaded, c.said = seen, fresh, ""
	c.log.Info("the TLS files of an endpoint were read again", "endpoint", c.endpoint)
	return c.loaded
}

func (c *Credentials) complain(text string) {
	if text != c.said {
		c.said = text
		c.log.Error("the TLS files of an endpoint cannot be used; what they held before is used on", "endpoint", c.endpoint, "error", text)
	}
}

func (f CredentialFiles) stamps() (seen [3]stamp, err error) {
	for i, path := range f.all() {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return seen, err
		}
		if !info.Mode().IsRegular() || info.Size() > maxCredentialBytes {
			return seen, fmt.Errorf("%s is no file of at most 1 MB", path)
		}
		seen[i] = stamp{info.ModTime(), info.Size()}
	}
	return seen, nil
}

func (f CredentialFiles) load() (loaded, error) {
	var l loaded
	if f.CA != "" {
		text, err := os.ReadFile(f.CA)
		if err != nil {
			return l, err
		}
		if l.roots, err = authorities(text); err != nil {
			return l, fmt.Errorf("%s: %w", f.CA, err)
		}
	}
	if f.Cert != "" || f.Key != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
			return l, err
		}
		if err != nil {
			return l, fmt.Errorf("%s and %s: %w", f.Cert, f.Key, err)
		}
		l.client = &pair
	}
	return l, nil
}

// authorities wants every certificate of a file to be one: half a file must not
// become half a set.
func authorities(text []byte) (*x509.CertPool, error) {
	pool, found := x509.NewCertPool(), 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		pool.AddCert(certificate)
		found++
	}
	if found == 0 || found != bytes.Count(text, []byte("-----BEGIN CERTIFICATE-----")) {
		return nil, errors.New("holds no whole PEM certificates")
	}
	return pool, nil
}
