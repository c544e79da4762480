package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"
)

// merchants are HTTP servers on loopback that note every request.
type merchants struct {
	url     string // http://127.0.0.1:PORT; each merchant has a path below it
	log     *merchantLog
	server  *http.Server
	closing chan struct{}
	served  chan struct{}
}

// maxBody bounds what a merchant reads, in bytes: more than Orderbell sends.
const maxBody = 1 << 20

func openMerchants(ctx context.Context, run string, of []temper) (*merchants, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the merchants: %w", err)
	}
	m := &merchants{
		url: "http://" + listener.Addr().String(), log: newMerchantLog(run, len(of)),
		closing: make(chan struct{}), served: make(chan struct{}),
	}
	mux := http.NewServeMux()
	for i, t := range of {
		mux.HandleFunc("POST /"+t.endpoint, m.serve(i, t))
	}
	m.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(m.served)
		_ = m.server.Serve(listener) // ErrServerClosed, always
	}()
	return m, nil
}

// close ends what is being answered, and returns when all is over.
func (m *merchants) close(ctx context.Context) error {
	close(m.closing)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := m.server.Shutdown(ctx)
	if err != nil {
		_ = m.server.Close()
		err = fmt.Errorf("close the merchants: %w", err)
	}
	<-m.served
	return err
}

func (m *merchants) serve(index int, t temper) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			panic(http.ErrAbortHandler) // the sender went away, or talks too much
		}
		line, nth := m.log.received(read(r, body, index))
		a := t.answer(nth)
		if !m.take(r.Context(), a) {
			panic(http.ErrAbortHandler)
		}
		// Before it is sent: who gets it may act on it before we go on.
		m.log.answered(line, a)
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body) // a sender that has gone will come again
	}
}

// take spends the time of an answer; false where there will be none.
func (m *merchants) take(ctx context.Context, a answer) bool {
	var ready <-chan time.Time // never, for nil
	if !a.never {
		if a.after == 0 {
			return true
		}
		timer := time.NewTimer(a.after)
		defer timer.Stop()
		ready = timer.C
	}
	select {
	case <-ready:
		return ctx.Err() == nil
	case <-ctx.Done():
	case <-m.closing:
	}
	return false
}

// read finds what a request is about. What is not there stays empty: the
// comparison will not find it either.
func read(r *http.Request, body []byte, merchant int) request {
	attempt, _ := strconv.Atoi(r.Header.Get("Orderbell-Attempt"))
	var message struct {
		OrderNo string `json:"order_no"`
	}
	_ = json.Unmarshal(body, &message)
	return request{
		id: r.Header.Get("Orderbell-Notification-Id"), orderNo: message.OrderNo, event: r.Header.Get("Orderbell-Event"),
		merchant: merchant, attempt: attempt,
	}
}
