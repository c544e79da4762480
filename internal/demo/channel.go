package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// imitation is a payment channel that can be asked, and does as its scripts say.
type imitation interface {
	http.Handler
	// Script says which states a trade is in, by the channel's own names, one for each
	// question from now on; it stays in the last.
	Script(orderNo string, states ...string)
}

// channel is how one of them is asked.
type channel struct {
	name, endpoint string
	path           string // below the server's URL
	method, format string
	rule           string
	signature      string           // how questions are signed, and answers verified
	secret         string           // that signs questions
	answerKey      string           // that verifies answers, PEM
	names          map[state]string // of its states
	imitation      imitation
	// about is the URL of a question, where each has its own, and its body.
	about func(server, orderNo string) (url *string, body string)
	// orderNo is the order that a request asks about.
	orderNo func(r *http.Request, body string) string
	// says finds a trade's state in an answer.
	says func(body []byte) string
	// tradePrefix before the order's number gives the channel's number of a trade.
	tradePrefix string
}

func (c channel) tradeNo(orderNo string) string { return c.tradePrefix + orderNo }

func (c channel) states(of []state) []string {
	names := make([]string, len(of))
	for i, s := range of {
		names[i] = c.names[s]
	}
	return names
}

// channelServer has all of them on one port of loopback, and notes every question.
type channelServer struct {
	url    string
	of     []channel
	log    *merchantLog
	server *http.Server
	served chan struct{}
}

func openChannels(ctx context.Context, run string) (*channelServer, error) {
	of, err := bothChannels()
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the payment channels: %w", err)
	}
	s := &channelServer{url: "http://" + listener.Addr().String(), of: of, log: newMerchantLog(run, len(of)), served: make(chan struct{})}
	mux := http.NewServeMux()
	for i, c := range of {
		mux.Handle(c.method+" "+c.path, s.noted(i, c))
	}
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(listener) // ErrServerClosed, always
	}()
	return s, nil
}

func (s *channelServer) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("close the payment channels: %w", err), s.server.Close())
	}
	<-s.served
	return err
}

// noted writes a question and its answer into the log before the answer is sent.
func (s *channelServer) noted(index int, c channel) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		question := read(r, nil, index)
		question.orderNo = c.orderNo(r, string(body))
		line, _ := s.log.received(question)
		kept := &keptAnswer{header: w.Header(), status: http.StatusOK}
		c.imitation.ServeHTTP(kept, r)
		says := c.stateOf(kept)
		s.log.answered(line, answer{status: kept.status, acknowledges: says.final(), says: says})
		w.WriteHeader(kept.status)
		_, _ = w.Write(kept.body.Bytes()) // who has gone will ask again
	}
}

// stateOf is what an answer says.
func (c channel) stateOf(a *keptAnswer) state {
	name := c.says(a.body.Bytes())
	for state, of := range c.names {
		if a.status == http.StatusOK && name != "" && of == name {
			return state
		}
	}
	return tradeAbsent
}

// keptAnswer is an answer that is not sent yet.
type keptAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *keptAnswer) Header() http.Header            { return a.header }
func (a *keptAnswer) WriteHeader(status int)         { a.status = status }
func (a *keptAnswer) Write(text []byte) (int, error) { return a.body.Write(text) }
