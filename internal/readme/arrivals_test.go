package readme_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/delivery/sign"
)

// arrival is a request that signs with standard-webhooks, as a receiver gets it: one of
// ours, or what somebody made of it.
type arrival struct {
	name                            string
	now                             int64 // the receiver's clock
	id, timestamp, signatures, body string
	secrets                         []string // the receiver's
	want                            string
}

// notTrue is wanted where the receiver's own secrets are wrong: false or an error.
const notTrue = "false or an error"

const (
	moment   = 1795194123 // when the genuine ones are sent
	soon     = "1795194123"
	firstKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	otherKey = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// signedBy is a genuine request: our own code signs it.
func signedBy(t testing.TB, body string, at int64, secrets ...string) arrival {
	t.Helper()
	const id = "019a9f3c-5a2b-7c3d-8e4f-0123456789ab"
	scheme, err := sign.Parse("standard-webhooks")
	if err != nil {
		t.Fatal(err)
	}
	var keys []*sign.Key
	for _, secret := range secrets {
		key, err := scheme.Key([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	signed, err := scheme.Sign(keys, &sign.Message{ID: id, At: time.Unix(at, 0), Method: "POST", Format: "body", Body: body})
	if err != nil {
		t.Fatal(err)
	}
	headers := map[string]string{}
	for _, one := range signed.Headers {
		headers[one.Name] = one.Value
	}
	return arrival{
		now: moment, id: headers["Webhook-Id"], timestamp: headers["Webhook-Timestamp"], signatures: headers["Webhook-Signature"],
		body: signed.Body, secrets: secrets,
	}
}

// forged is a request that we would never sign, signed all the same.
func forged(id, timestamp, body string, key []byte) arrival {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "." + body))
	return arrival{
		now: moment, id: id, timestamp: timestamp, body: body, secrets: []string{firstKey},
		signatures: "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)),
	}
}

// as gives a request its name and what must become of it, after a change.
func (a arrival) as(want, name string, change func(*arrival)) arrival {
	a.name, a.want = name, want
	if change != nil {
		change(&a)
	}
	return a
}

// arrivals are all requests that every example has to judge.
func arrivals(t testing.TB) []arrival {
	t.Helper()
	var all []arrival
	for _, some := range [][]arrival{genuine(t), changed(t), untimely(t), manySignatures(t), garbage(t), wrongSecrets(t)} {
		all = append(all, some...)
	}
	return all
}

const paid = `{"trade_status":"TRADE_SUCCESS", "subject":"茶", "total_fee":424.420, "n":12345678901234567890}`

func genuine(t testing.TB) []arrival {
	t.Helper()
	fresh, _, err := mustParse(t).Generate()
	if err != nil {
		t.Fatal(err)
	}
	known := arrival{
		now: 1614265330, id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: "1614265330", body: `{"test": 2432232314}`,
		signatures: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", secrets: []string{firstKey},
	}
	all := []arrival{
		known.as("true", "the known answer of Standard Webhooks", nil),
		signedBy(t, paid, moment, string(fresh)).as("true", "a fresh secret", nil),
		signedBy(t, paid, moment, firstKey).as("true", "a secret without its prefix", func(a *arrival) {
			a.secrets = []string{strings.TrimPrefix(firstKey, "whsec_")}
		}),
	}
	for name, body := range map[string]string{
		"JSON": paid, "no body": "", "a form": "a=1&b=%E8%8C%B6", "line ends": "{\r\n}\n", "no UTF-8": "\xff\xfe\x00\x80", "200 KB": strings.Repeat("x", 200_000),
	} {
		all = append(all, signedBy(t, body, moment, firstKey).as("true", name, nil))
	}
	return all
}

func mustParse(t testing.TB) sign.Scheme {
	t.Helper()
	scheme, err := sign.Parse("standard-webhooks")
	if err != nil {
		t.Fatal(err)
	}
	return scheme
}

// changed has one byte changed, each in turn. Digits become other digits, so that a
// changed timestamp may still be of now.
func changed(t testing.TB) []arrival {
	t.Helper()
	whole := signedBy(t, paid, moment, firstKey)
	all := []arrival{
		whole.as("false", "the body was written anew", func(a *arrival) { a.body = strings.ReplaceAll(paid, ", ", ",") }),
		whole.as("false", "more body", func(a *arrival) { a.body += "\n" }),
		whole.as("false", "no body", func(a *arrival) { a.body = "" }),
		whole.as("false", "no id", func(a *arrival) { a.id = "" }),
		whole.as("false", "no timestamp", func(a *arrival) { a.timestamp = "" }),
		whole.as("false", "no signature", func(a *arrival) { a.signatures = "" }),
		whole.as("false", "no header", func(a *arrival) { a.id, a.timestamp, a.signatures = "", "", "" }),
	}
	parts := map[string]func(*arrival) *string{
		"body": func(a *arrival) *string { return &a.body }, "id": func(a *arrival) *string { return &a.id },
		"timestamp": func(a *arrival) *string { return &a.timestamp }, "signature": func(a *arrival) *string { return &a.signatures },
	}
	for name, part := range parts {
		for i := range len(*part(&whole)) {
			all = append(all, whole.as("false", fmt.Sprintf("byte %d of the %s", i, name), func(a *arrival) {
				text := []byte(*part(a))
				text[i] ^= 1
				*part(a) = string(text)
			}))
		}
	}
	return all
}

func untimely(t testing.TB) []arrival {
	t.Helper()
	var all []arrival
	for _, late := range []int64{0, 1, 299, 300, 301, 360, 86400, 1e9} {
		want := strconv.FormatBool(late <= 300)
		all = append(all,
			signedBy(t, paid, moment-late, firstKey).as(want, fmt.Sprintf("%d s old", late), nil),
			signedBy(t, paid, moment+late, firstKey).as(want, fmt.Sprintf("%d s ahead", late), nil))
	}
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(firstKey, "whsec_"))
	all = append(all, forged("an-id", soon, paid, key).as("true", "what forged makes is well signed", nil))
	for _, timestamp := range []string{
		"", "x", " ", " " + soon, soon + " ", soon + "\n", soon + ".0", soon + ".9", soon + "x", soon + "e0", "0x6b00c80b", "1_795_194_123", "-" + soon,
		"NaN", "now", "1795194123,1795194123", "１７９５１９４１２３", "\xb2", strings.Repeat("9", 5000), "9223372036854775807", "-9223372036854775808",
		"18446744075504745739", // 2⁶⁴ more
	} {
		all = append(all, forged("an-id", timestamp, paid, key).as("false", fmt.Sprintf("%.30q for a timestamp", timestamp), nil))
	}
	// A dot in the id: an old request becomes one of now, since its body begins with a
	// time. The signed text is the same.
	old := signedBy(t, soon+"."+paid, moment-86400, firstKey)
	return append(all, old.as("false", "the id has a dot", func(a *arrival) {
		a.id, a.timestamp, a.body = a.id+"."+a.timestamp, soon, paid
	}))
}
