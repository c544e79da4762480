package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// yardstickInFlight is how many requests the yardsticks have in flight.
const yardstickInFlight = 64

// newClient is the transport of the yardsticks: as the worker's, without what the
// worker adds.
func newClient() *http.Transport {
	var one http.Protocols
	one.SetHTTP1(true)
	return &http.Transport{
		Proxy:               nil,
		DialContext:         new(net.Dialer).DialContext,
		Protocols:           &one,
		DisableCompression:  true,
		MaxIdleConns:        4 * yardstickInFlight,
		MaxIdleConnsPerHost: 4 * yardstickInFlight,
	}
}

// post sends one body, and reads the answer to its end.
func post(ctx context.Context, client *http.Transport, to *url.URL, id, body string) error {
	header := http.Header{"Content-Type": {"application/json"}}
	if id != "" {
		header["Orderbell-Notification-Id"] = []string{id}
	}
	request := http.Request{
		Method: http.MethodPost, URL: to, Host: to.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
	response, err := client.RoundTrip(request.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("send a request: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read an answer: %w", err)
	}
	if response.StatusCode != http.StatusOK || string(answer) != "success" {
		return fmt.Errorf("the merchant answers %d %q", response.StatusCode, answer)
	}
	return nil
}
