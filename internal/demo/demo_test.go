package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/demo"
	"github.com/orderbell/orderbell/internal/devpg"
	"github.com/orderbell/orderbell/internal/pgtest"
)

func TestEverythingAtOnce(t *testing.T) {
	before := goleak.IgnoreCurrent()
	var out, errs bytes.Buffer
	summary, err := demo.Run(t.Context(), demo.Options{
		For: 6 * time.Second, JSON: true, Out: &out, Err: &errs, Version: "test",
		DatabaseURL: "postgres://nobody@192.0.2.1:1/production", // must not be looked at
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(out.String(), errs.String())
	goleak.VerifyNone(t, before)
	if !summary.OK() || summary.Lost != 0 || summary.SentForRolledBack != 0 {
		t.Errorf("a promise was broken: %+v", summary)
	}
	if summary.OrdersCommitted == 0 || summary.OrdersRolledBack == 0 || summary.Acknowledged == 0 || summary.Attempts < summary.Acknowledged {
		t.Errorf("too little happened: %+v", summary)
	}
	of := summary.Scenes
	if of.Notify == nil || of.Push == nil || of.Question == nil || of.Close == nil || of.Scan == nil {
		t.Fatalf("a scene is missing: %s", out.String())
	}
	if all := of.Notify.OrdersCommitted + of.Push.OrdersCommitted + of.Question.OrdersCommitted + of.Close.OrdersCommitted + of.Scan.OrdersCommitted; all != summary.OrdersCommitted {
		t.Errorf("the scenes have %d orders, the whole %d", all, summary.OrdersCommitted)
	}
	if summary.OrdersFailed+summary.OrdersUnknown+summary.OtherRequests > 0 {
		t.Errorf("something failed: %+v", summary)
	}
	var told demo.Summary
	if err := json.Unmarshal(out.Bytes(), &told); err != nil {
		t.Fatalf("Out is no object: %v\n%s", err, out.String())
	}
	if diff := cmp.Diff(summary, told); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{"127.0.0.0/8 (network.allow)", "PostgreSQL", "orders committed", "push  ", "question  ", "close  ", "scan  "} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("nothing was said of %q:\n%s", want, errs.String())
		}
	}
}

func TestSummaryHasTheContractsNames(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(demo.Summary{})
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"orders_committed", "orders_rolled_back", "notifications_acknowledged", "attempts", "lost", "sent_for_rolled_back", "duplicates",
	} {
		if _, ok := members[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestOneSecond(t *testing.T) {
	var out bytes.Buffer
	summary, err := demo.Run(t.Context(), demo.Options{For: time.Second, Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	if !summary.OK() || summary.OrdersCommitted == 0 {
		t.Errorf("%+v", summary)
	}
	if !strings.Contains(out.String(), "Lost: 0.") || !strings.Contains(out.String(), "One order's history (demo-") {
		t.Errorf("the summary is:\n%s", out.String())
	}
}

// endsWith cancels when it is told something with a text in it.
type endsWith struct {
	text string
	end  context.CancelFunc
}

func (e endsWith) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(e.text)) {
		e.end()
	}
	return len(p), nil
}

func TestCtrlC(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := time.Now()
	summary, err := demo.Run(ctx, demo.Options{
		For: time.Hour, Out: io.Discard, Err: endsWith{"orders committed", cancel},
	})
	if err != nil {
		t.Fatal(err)
	}
	if time.Since(began) > time.Minute {
		t.Errorf("it took %s", time.Since(began))
	}
	if !summary.OK() || summary.OrdersCommitted == 0 || summary.OrdersUnknown+summary.OrdersFailed > 0 {
		t.Errorf("%+v", summary)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		o    demo.Options
		want string
	}{
		"unknown scene":      {demo.Options{Scene: "opera"}, `unknown scene "opera"; the scenes are: notify, push, question, close, scan, all`},
		"shop without a URL": {demo.Options{Scene: "shop"}, "ORDERBELL_DATABASE_URL"},
		"malformed URL":      {demo.Options{Scene: "shop", DatabaseURL: "postgres://u:secret@%"}, "read the database URL"},
		"no time":            {demo.Options{For: -1}, "must be above 0"},
		"no schema":          {demo.Options{Scene: "shop", DatabaseURL: pgtest.Empty(t)}, "orderbell migrate up"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := demo.Run(t.Context(), test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q", err, test.want)
			}
			var unknown *demo.SceneError
			if errors.As(err, &unknown) != (test.o.Scene == "opera") {
				t.Errorf("%v is a %T", err, err)
			}
		})
	}
}

func TestWithoutPostgres(t *testing.T) {
	t.Setenv(devpg.BinVariable, t.TempDir())
	var out bytes.Buffer
	_, err := demo.Run(t.Context(), demo.Options{JSON: true, Out: &out})
	if err == nil || !strings.Contains(err.Error(), "has no program") || out.Len() > 0 {
		t.Errorf("got %v, and %q", err, out.String())
	}
}
