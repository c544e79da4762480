package sign

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/orderbell/orderbell/internal/outbox"
)

// alipayGateway is RSA2 of a request to Alipay's gateway: as in a notification, but with
// sign_type among what is signed, and with an answer that is signed as well.
type alipayGateway struct{}

func (alipayGateway) kind() string { return toAlipay }
func (alipayGateway) name() string { return toAlipay }

func (alipayGateway) fits(httpMethod, format string) error {
	return wants(toAlipay, httpMethod, format, outbox.FormatForm)
}

func (alipayGateway) key(plain []byte) (*Key, error)    { return alipay{}.key(plain) }
func (alipayGateway) generate() ([]byte, string, error) { return alipay{}.generate() }
func (alipayGateway) sign(keys []*Key, m *Message) (Signed, error) {
	fields, err := readForm(m.Body)
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrBody, err)
	}
	fields = fields.orElse("version", "1.0").
		with("charset", "utf-8").
		with("timestamp", m.At.In(china).Format("2006-01-02 15:04:05")).
		with("sign_type", "RSA2")
	signature, err := signRSA(keys[len(keys)-1].rsa, fields.toSign())
	if err != nil {
		return Signed{}, err
	}
	return Signed{Body: append(fields, field{"sign", signature}).encode(), ContentType: formType}, nil
}

// verify returns an object with the one member that is signed. Names that come twice are
// refused: two readers could take different ones, and only one of them was verified.
func (alipayGateway) verify(key *AnswerKey, a *Answer) (string, error) {
	members, err := membersOf(a.Body)
	if err != nil {
		return "", err
	}
	var signed, signature string
	for name, text := range members {
		switch {
		case name == "sign":
			if json.Unmarshal(text, &signature) != nil {
				return "", errors.New("is no text")
			}
		case strings.HasSuffix(name, "_response") && signed != "":
			return "", errors.New("cannot be told: the answer has two members that end in _response")
		case strings.HasSuffix(name, "_response"):
			signed = name
		}
	}
	switch {
	case signature == "":
		return "", errors.New("is missing")
	case signed == "":
		return "", errors.New("belongs to nothing: the answer has no member that ends in _response")
	}
	text := string(members[signed])
	if err := key.fits(signature, "", text); err != nil {
		return "", err
	}
	name, err := json.Marshal(signed)
	return "{" + string(name) + ":" + text + "}", err
}

// membersOf reads the members of an object, each with its text as it came.
func membersOf(object string) (map[string]json.RawMessage, error) {
	missing := errors.New("is missing: the answer is no JSON object")
	members := map[string]json.RawMessage{}
	decoder := json.NewDecoder(strings.NewReader(object))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, missing
	}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, missing
		}
		var text json.RawMessage
		if decoder.Decode(&text) != nil {
			return nil, missing
		}
		if members[name] != nil {
			return nil, fmt.Errorf("cannot be told: the answer has the member %.64q twice", name)
		}
		members[name] = text
	}
	if _, err := decoder.Token(); err != nil {
		return nil, missing
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, missing
	}
	return members, nil
}
