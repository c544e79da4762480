package sign

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/orderbell/orderbell/internal/outbox"
)

// alipay is RSA2 of Alipay's asynchronous notifications: a form that carries the
// signature of its own fields.
type alipay struct{}

func (alipay) kind() string { return alipayRSA2 }
func (alipay) name() string { return alipayRSA2 }

func (alipay) fits(httpMethod, format string) error {
	return wants(alipayRSA2, httpMethod, format, outbox.FormatForm)
}

func (alipay) key(plain []byte) (*Key, error) {
	key, err := readRSA(string(plain))
	if err != nil {
		return nil, fmt.Errorf("the private key %w", err)
	}
	return &Key{rsa: key}, nil
}

func (alipay) generate() ([]byte, string, error) {
	private, public, err := generateRSA()
	return []byte(private), public, err
}

func (alipay) sign(keys []*Key, m *Message) (Signed, error) {
	fields, err := readForm(m.Body)
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrBody, err)
	}
	fields = fields.orElse("notify_id", strings.ReplaceAll(m.ID, "-", "")).
		orElse("version", "1.0").
		with("charset", "utf-8").
		with("notify_time", m.At.In(china).Format("2006-01-02 15:04:05"))
	signature, err := signRSA(keys[len(keys)-1].rsa, fields.toSign())
	if err != nil {
		return Signed{}, err
	}
	fields = append(fields, field{"sign_type", "RSA2"}, field{"sign", signature})
	return Signed{Body: fields.encode(), ContentType: formType}, nil
}

const formType = "application/x-www-form-urlencoded; charset=utf-8"

type field struct{ name, value string }

// form is the fields of a form, in their order, no name twice.
type form []field

// readForm reads what the format form wrote. It leaves out what receivers do not agree
// on: whitespace around values, values that are empty then, fields without a name, and
// those that tell of a signature.
func readForm(text string) (form, error) {
	fields := make(form, 0, strings.Count(text, "&")+7)
	seen := make(map[string]bool, cap(fields))
	for pair := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, errors.New("the form cannot be read")
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, errors.New("the form cannot be read")
		}
		value = strings.TrimSpace(value)
		if value == "" || name == "" || name == "sign" || name == "sign_type" || name == "alipay_cert_sn" {
			continue
		}
		if strings.ContainsAny(name, "&=") {
			return nil, fmt.Errorf("the name of the field %q has a & or =, which the signed text has between fields", name)
		}
		if seen[name] {
			return nil, fmt.Errorf("the field %q comes twice, and receivers would not agree on which counts", name)
		}
		seen[name] = true
		fields = append(fields, field{name, value})
	}
	return fields, nil
}

// orElse adds a field that is not there.
func (f form) orElse(name, value string) form {
	if slices.ContainsFunc(f, func(other field) bool { return other.name == name }) {
		return f
	}
	return append(f, field{name, value})
}

// with sets a field, in its place if it has one.
func (f form) with(name, value string) form {
	at := slices.IndexFunc(f, func(other field) bool { return other.name == name })
	if at < 0 {
		return append(f, field{name, value})
	}
	f[at].value = value
	return f
}

// toSign is name=value of every field, not encoded, by name, with & between them.
func (f form) toSign() string {
	sorted := slices.SortedFunc(slices.Values(f), func(a, b field) int { return strings.Compare(a.name, b.name) })
	var b strings.Builder
	for i, one := range sorted {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(one.name)
		b.WriteByte('=')
		b.WriteString(one.value)
	}
	return b.String()
}

func (f form) encode() string {
	var b strings.Builder
	for i, one := range f {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(one.name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(one.value))
	}
	return b.String()
}
