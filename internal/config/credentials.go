package config

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/goccy/go-yaml/ast"
)

// TLS is what one endpoint's certificates are judged by, and what we show it.
type TLS struct {
	// Endpoint is the id of an endpoint; each has one entry at most.
	Endpoint string
	// CAFile holds the authorities that may vouch for it, instead of the system's;
	// empty for the system's.
	CAFile string
	// CertFile and KeyFile are our certificate and its key, both or neither.
	CertFile, KeyFile string
}

const maxPEM = 1 << 20 // bytes of a file of certificates or of a key

// tlsFields are the keys of an entry, and what else must be there with each.
var tlsFields = []struct {
	name, with string
	field      func(*TLS) *string
}{
	{"endpoint", "", func(e *TLS) *string { return &e.Endpoint }},
	{"ca_file", "", func(e *TLS) *string { return &e.CAFile }},
	{"cert_file", "key_file", func(e *TLS) *string { return &e.CertFile }},
	{"key_file", "cert_file", func(e *TLS) *string { return &e.KeyFile }},
}

// tlsEntries stores the entries of the list tls, and checks their files.
func (w *walk) tlsEntries(list *ast.SequenceNode) {
	first := map[string]int{}
	for _, n := range list.Values {
		m, ok := n.(ast.MapNode)
		if !ok {
			w.report(n, "tls", "an entry is "+kind(n)+"; allowed: keys with values, such as \"- endpoint: m-1001\"")
			continue
		}
		entry, places := w.tlsEntry(n, m)
		if at, ok := places["endpoint"]; ok && entry.Endpoint != "" {
			if line, twice := first[entry.Endpoint]; twice {
				w.report(at, "tls.endpoint", fmt.Sprintf("has an entry already, on line %d", line))
			} else {
				first[entry.Endpoint] = at.GetToken().Position.Line
			}
		}
		w.config.TLS = append(w.config.TLS, entry)
	}
}

// tlsEntry reads one entry, and says where its keys stand.
func (w *walk) tlsEntry(n ast.Node, m ast.MapNode) (entry TLS, places map[string]ast.Node) {
	places = map[string]ast.Node{}
	odd := false // the endpoint is there, and is no single value
	for entries, i := m.MapRange(), 0; entries.Next(); i++ {
		if i == 0 {
			n = entries.Key() // a map's own place is its first colon
		}
		if name, _ := scalar(entries.Key()); name == "endpoint" && !isNull(entries.Value()) {
			_, single := scalar(entries.Value())
			odd = !single
		}
		w.tlsField(&entry, places, entries.Key(), entries.Value())
	}
	if entry.Endpoint == "" && !odd {
		w.report(n, "tls", "an entry names no endpoint")
	}
	whole := true
	for _, f := range tlsFields {
		if _, other := places[f.with]; places[f.name] != nil && f.with != "" && !other {
			w.report(places[f.name], "tls."+f.name, "is set, but "+f.with+" is not; set both or neither")
			whole = false
		}
	}
	if entry.CAFile+entry.CertFile+entry.KeyFile == "" && entry.Endpoint != "" {
		w.report(n, "tls", "an entry has no file; allowed: ca_file, or cert_file with key_file, or all three")
	}
	w.tlsFiles(entry, places, whole)
	return entry, places
}

func (w *walk) tlsField(entry *TLS, places map[string]ast.Node, key, value ast.Node) {
	name, ok := scalar(key)
	for _, f := range tlsFields {
		if !ok || f.name != name {
			continue
		}
		if _, twice := places[name]; twice {
			w.report(key, "tls."+name, "is set twice in one entry")
		}
		text, single := scalar(value)
		switch {
		case isNull(value):
		case !single:
			w.report(key, "tls."+name, "is "+kind(value)+"; allowed: one value")
		default:
			places[name], *f.field(entry) = key, text
		}
		return
	}
	w.report(key, "tls", "this key is not known; allowed: endpoint, ca_file, cert_file, key_file")
}

// tlsFiles checks what the files hold.
func (w *walk) tlsFiles(e TLS, places map[string]ast.Node, whole bool) {
	read := func(name, path string) []byte {
		if path == "" {
			return nil
		}
		text, err := readPEM(path)
		if err != nil {
			w.report(places[name], "tls."+name, "the file "+err.Error())
		}
		return text
	}
	if ca := read("ca_file", e.CAFile); ca != nil {
		if err := checkAuthorities(ca); err != nil {
			w.report(places["ca_file"], "tls.ca_file", "the file "+err.Error())
		}
	}
	cert, key := read("cert_file", e.CertFile), read("key_file", e.KeyFile)
	if cert == nil || key == nil || !whole {
		return
	}
	if err := checkAuthorities(cert); err != nil {
		w.report(places["cert_file"], "tls.cert_file", "the file "+err.Error())
	} else if _, err := tls.X509KeyPair(cert, key); err != nil {
		w.report(places["key_file"], "tls.key_file", keyFault(key))
	}
}

// keyFault tells a file without a key from one with another key.
func keyFault(key []byte) string {
	for block, rest := pem.Decode(key); block != nil; block, rest = pem.Decode(rest) {
		if bytes.HasSuffix([]byte(block.Type), []byte("PRIVATE KEY")) {
			return "the key does not fit the certificate of cert_file, or is encrypted or of an unknown kind"
		}
	}
	return "the file holds no PEM private key"
}

// readPEM reads a file that may not be a pipe or a device, which could hang.
func readPEM(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, unreadable(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("is no regular file")
	case info.Size() > maxPEM:
		return nil, errors.New("is larger than 1 MB")
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return nil, unreadable(err)
	}
	if len(text) == 0 {
		return nil, errors.New("is empty")
	}
	return text, nil
}

// checkAuthorities wants certificates, and every one of them whole.
func checkAuthorities(text []byte) error {
	found := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return errors.New("holds a certificate that cannot be read")
		}
		found++
	}
	if found == 0 || found != bytes.Count(text, []byte("-----BEGIN CERTIFICATE-----")) {
		return errors.New("holds no whole PEM certificates")
	}
	return nil
}
