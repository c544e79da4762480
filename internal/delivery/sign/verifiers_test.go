package sign_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core/notify"

	"github.com/orderbell/orderbell/internal/delivery/sign"
)

// change replaces one byte of the body or of a header, counted through all of them.
func change(s sign.Signed, at int, to byte) sign.Signed {
	s.Headers = slices.Clone(s.Headers)
	texts := []*string{&s.Body}
	for i := range s.Headers {
		texts = append(texts, &s.Headers[i].Value)
	}
	for _, text := range texts {
		if at < len(*text) {
			*text = (*text)[:at] + string([]byte{to}) + (*text)[at+1:]
			break
		}
		at -= len(*text)
	}
	return s
}

func size(s sign.Signed) int {
	n := len(s.Body)
	for _, one := range s.Headers {
		n += len(one.Value)
	}
	return n
}

// refused sends a merchant a request that was changed. It returns false where the
// merchant may take it, since the change is another spelling of the same.
func (e exchange) refused(t *testing.T, s sign.Signed, at int, to byte) bool {
	t.Helper()
	changed := change(s, at, to)
	_, err := e.receive(changed.Body, header(changed))
	if err != nil {
		return true
	}
	if e.meaning(s.Body, header(s)) != e.meaning(changed.Body, header(changed)) {
		t.Errorf("byte %d as %q is accepted: %q, before %q", at, to, changed, s)
	}
	return false
}

// now is a message of this moment: the verifiers tolerate five minutes.
func now(signature, payload string, n uint64) *sign.Message {
	m := message(signature)
	m.At, m.Body = time.Now(), payload
	m.ID = fmt.Sprintf("019a9f3c-5a2b-7c3d-8e4f-%012x", n)
	return m
}

const (
	whole       = 3 // messages of which every byte is changed
	changeEvery = 4 // of the others, one in so many
)

// TestVerifiersAccept: merchants accept what we sign and understand what it says, and
// refuse it after a change of one byte, wherever.
func TestVerifiersAccept(t *testing.T) {
	t.Parallel()
	for name, e := range exchanges(t) {
		scheme := parse(t, e.signature)
		lanes := runtime.GOMAXPROCS(0)
		for lane := range lanes {
			t.Run(fmt.Sprintf("%s/%d", name, lane), func(t *testing.T) {
				t.Parallel()
				seed := rand.Uint64()
				d := &dice{rand.New(rand.NewPCG(seed, uint64(lane)))}
				for i := range (e.payloads + lanes - 1) / lanes {
					payload := e.payload(d)
					s, err := scheme.Sign([]*sign.Key{e.key}, now(e.signature, payload, d.Uint64N(1<<48)))
					if err != nil {
						t.Fatal(err)
					}
					got, err := e.receive(s.Body, header(s))
					if err != nil {
						t.Fatalf("seed %d: %v: %q of %q", seed, err, s, payload)
					}
					e.told(t, payload, got)
					if i%changeEvery == 0 {
						e.refused(t, s, d.IntN(size(s)), byte(d.Uint32()))
					}
					if t.Failed() {
						t.Fatalf("seed %d", seed)
					}
				}
			})
		}
	}
}

// TestVerifiersRefuseEveryChange changes every byte of some messages: its lowest bit,
// its letter case, and to another at random.
func TestVerifiersRefuseEveryChange(t *testing.T) {
	t.Parallel()
	for name, e := range exchanges(t) {
		if e.payloads == payloads1024 {
			continue // the same as with a longer key
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &dice{rand.New(rand.NewPCG(rand.Uint64(), 0))}
			refused := 0
			for range whole {
				s, err := parse(t, e.signature).Sign([]*sign.Key{e.key}, now(e.signature, e.payload(d), d.Uint64N(1<<48)))
				if err != nil {
					t.Fatal(err)
				}
				for at := range size(s) {
					b := byteAt(s, at)
					for _, to := range []byte{b ^ 1, b ^ 0x20, b + 1 + byte(d.IntN(255))} {
						if e.refused(t, s, at, to) {
							refused++
						}
					}
				}
			}
			t.Logf("%d changes refused", refused)
			if refused < whole*2*40 {
				t.Errorf("only %d changes counted", refused)
			}
		})
	}
}

func byteAt(s sign.Signed, at int) byte {
	all := s.Body
	for _, one := range s.Headers {
		all += one.Value
	}
	return all[at]
}

// TestVerifiersThroughARotation: of two keys, merchants with either of them accept
// where the scheme has room for both, and those with the older one where it has not.
func TestVerifiersThroughARotation(t *testing.T) {
	t.Parallel()
	for name, newer := range map[string]string{
		"standard-webhooks v1": otherSharedSecret, "standard-webhooks v1a": sharedSecret,
		"alipay-rsa2": otherRSA, "wechatpay-v3": wechatPaySecret(otherRSA), "hmac-sha256": "the newer of two secrets",
	} {
		e := exchanges(t)[name]
		m := now(e.signature, e.payload(&dice{rand.New(rand.NewPCG(1, 2))}), 1)
		newerKey := keys(t, e.signature, newer)[0]
		s, err := parse(t, e.signature).Sign([]*sign.Key{newerKey, e.key}, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.receive(s.Body, header(s)); err != nil {
			t.Errorf("%s: the older key: %v", name, err)
		}
		if e.signature == "standard-webhooks" {
			if _, err := standardMerchant(t, newer)(s.Body, header(s)); err != nil {
				t.Errorf("%s: the newer key: %v", name, err)
			}
		}
		alone := signed(t, e.signature, m, newer)
		if _, err := e.receive(alone.Body, header(alone)); err == nil {
			t.Errorf("%s: accepted without its key", name)
		}
	}
}

// Nonces are new for each attempt, the id and the time of creation are not.
func TestWeChatPayAttempts(t *testing.T) {
	t.Parallel()
	ciphertexts, nonces := map[string]bool{}, map[string]bool{}
	receive := weChatPayMerchant(t, readRSA(t, rsaPEM))
	for attempt := range 20 {
		m := now("wechatpay-v3", `{"a":1}`, 7)
		m.At = m.At.Add(time.Duration(attempt) * time.Second)
		s := signed(t, "wechatpay-v3", m, wechatPaySecret(rsaPEM))
		if _, err := receive(s.Body, header(s)); err != nil {
			t.Fatal(err)
		}
		var envelope notify.Request
		if err := json.Unmarshal([]byte(s.Body), &envelope); err != nil || len(envelope.Resource.Nonce) != 12 {
			t.Fatalf("%v: %s", err, s.Body)
		}
		if envelope.ID != m.ID || !envelope.CreateTime.Equal(m.Created.Truncate(time.Second)) {
			t.Errorf("attempt %d: %s of %v", attempt, envelope.ID, envelope.CreateTime)
		}
		ciphertexts[envelope.Resource.Ciphertext], nonces[header(s).Get("Wechatpay-Nonce")] = true, true
	}
	if len(ciphertexts) != 20 || len(nonces) != 20 {
		t.Errorf("%d ciphertexts and %d nonces of 20", len(ciphertexts), len(nonces))
	}
}
