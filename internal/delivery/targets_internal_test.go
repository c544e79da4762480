package delivery

import (
	"fmt"
	"testing"

	"github.com/orderbell/orderbell/internal/outbox"
)

func endpointsClaim(url string) *outbox.Claim {
	return &outbox.Claim{URL: url, EndpointURL: url, Policy: &outbox.Policy{Method: outbox.MethodPost, Format: outbox.FormatQuery}}
}

// Requests share their endpoint's URL; what one of them adds to it is its own.
func TestTargetsAreShared(t *testing.T) {
	t.Parallel()
	courier := New(Options{})
	for i := range 3 {
		claim := endpointsClaim("https://shop.example/n?x")
		claim.Body = fmt.Sprintf(`{"i":%d}`, i)
		r, _, err := courier.request(t.Context(), claim, 0, nil)
		if want := fmt.Sprintf("/n?x&i=%d", i); err != nil || r.URL.RequestURI() != want {
			t.Fatalf("got %v, %v, want %s", r, err, want)
		}
		claim.Body = "{}"
		first, _, err := courier.request(t.Context(), claim, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		if second, _, err := courier.request(t.Context(), claim, 0, nil); err != nil || second.URL != first.URL {
			t.Errorf("the URL was read again, %v", err)
		}
	}
}

func TestTargetsAreBounded(t *testing.T) {
	t.Parallel()
	kept := newTargets()
	for i := range maxTargets + 10 {
		if _, err := kept.of(endpointsClaim(fmt.Sprintf("https://shop.example/%d", i))); err != nil {
			t.Fatal(err)
		}
		own := &outbox.Claim{URL: fmt.Sprintf("https://shop.example/order/%d", i)}
		if _, err := kept.of(own); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(kept.byText); n != 10 {
		t.Errorf("%d URLs are kept", n)
	}
	for range 2 {
		if _, err := kept.of(endpointsClaim("ftp://shop.example")); err == nil {
			t.Error("a URL that cannot be sent to was taken")
		}
	}
}
