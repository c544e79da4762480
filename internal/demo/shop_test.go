package demo_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/demo"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// played is what Run returned.
type played struct {
	summary demo.Summary
	err     error
}

func play(t *testing.T, url string, length time.Duration) <-chan played {
	t.Helper()
	done := make(chan played, 1)
	go func() {
		summary, err := demo.Run(t.Context(), demo.Options{Scene: "shop", For: length, DatabaseURL: url})
		done <- played{summary, err}
	}()
	return done
}

func connect(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func work(t *testing.T, url string) {
	t.Helper()
	c := config.Default()
	c.Database.URL, c.Database.ListenURL = url, url
	c.Worker.Name = "elsewhere"
	c.Worker.ShutdownTimeout = 10 * time.Second
	c.Network.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- app.Work(ctx, nil, c, "test", slog.New(slog.NewTextHandler(t.Output(), nil))) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the worker ended with: %v", err)
		}
	})
}

func TestShopBesideAWorker(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	db := connect(t, url)
	work(t, url)
	total := 0
	for range 2 { // the second time with what the first has left
		var said bytes.Buffer
		summary, err := demo.Run(t.Context(), demo.Options{Scene: "shop", For: 4 * time.Second, DatabaseURL: url, Err: &said})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v\n%s", summary, said.String())
		if !summary.OK() || summary.OrdersCommitted == 0 || summary.Acknowledged == 0 || summary.OrdersFailed > 0 {
			t.Errorf("%+v", summary)
		}
		if !strings.Contains(said.String(), "Writes orders into shop.orders") || strings.Contains(said.String(), url) {
			t.Errorf("it said:\n%s", said.String())
		}
		total += summary.OrdersCommitted
	}
	var orders, notifications, elsewhere int
	err := db.QueryRow(t.Context(), `
		select (select count(*) from shop.orders),
		       (select count(*) from orderbell.notification),
		       (select count(*) from orderbell.endpoint where id not like 'demo-%')`).Scan(&orders, &notifications, &elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if orders != total || notifications != total || elsewhere != 0 {
		t.Errorf("the database has %d orders, %d notifications and %d other endpoints; the shop says %d", orders, notifications, elsewhere, total)
	}
}

// Faults are planted where no worker runs: the summary must name them.
func TestPlantedFaults(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	db := connect(t, url)
	done := play(t, url, 6*time.Second)
	var lost, merchant, run string
	pgtest.Eventually(t, 20*time.Second, "a notification to lose", func() error {
		return db.QueryRow(t.Context(), `
			delete from orderbell.delivery d using orderbell.notification n
			where n.id = d.notification_id
			  and n.order_no = (select order_no from shop.orders where order_no like '%-000010')
			returning n.order_no, (select url from orderbell.endpoint where id = 'demo-prompt')`).Scan(&lost, &merchant)
	})
	run = lost[:strings.LastIndex(lost, "-")]
	for n := 1; n <= 10; n++ {
		send(t, merchant, fmt.Sprintf("%s-%06d", run, n))
	}
	got := <-done
	if got.err != nil {
		t.Fatal(got.err)
	}
	if got.summary.OK() || got.summary.Lost != 1 || got.summary.LostOrders[0] != lost {
		t.Errorf("%s was lost; the summary says %+v", lost, got.summary)
	}
	// The fourth and the ninth were rolled back. The others carried a wrong id.
	if got.summary.SentForRolledBack != 2 || got.summary.Acknowledged != 0 {
		t.Errorf("two were sent for rolled back orders; the summary says %+v", got.summary)
	}
}

func send(t *testing.T, to, orderNo string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(`{"order_no":"`+orderNo+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Orderbell-Notification-Id", "planted-"+orderNo)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNobodyDelivers(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	summary, err := demo.Run(t.Context(), demo.Options{Scene: "shop", For: time.Second, DatabaseURL: pgtest.Database(t), Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	if !summary.OK() || summary.Unfinished != summary.OrdersCommitted || summary.Attempts != 0 {
		t.Errorf("%+v", summary)
	}
	if !strings.Contains(out.String(), "does a worker run on this database") {
		t.Errorf("the summary is:\n%s", out.String())
	}
}

func TestOneShopAtATime(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	db := connect(t, url)
	first := play(t, url, 5*time.Second)
	pgtest.Eventually(t, 20*time.Second, "the first shop's endpoints", func() error {
		var n int
		if err := db.QueryRow(t.Context(), "select count(*) from orderbell.endpoint").Scan(&n); err != nil || n == 0 {
			return fmt.Errorf("%d endpoints: %w", n, err)
		}
		return nil
	})
	second := <-play(t, url, time.Second)
	if second.err == nil || !strings.Contains(second.err.Error(), "another demo plays on this database") {
		t.Errorf("the second one: %v", second.err)
	}
	if got := <-first; got.err != nil || !got.summary.OK() {
		t.Errorf("the first one: %+v", got)
	}
}

func TestSomebodysSchemaIsLeftAlone(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	db := connect(t, url)
	if _, err := db.Exec(t.Context(), "create schema shop"); err != nil {
		t.Fatal(err)
	}
	got := <-play(t, url, time.Second)
	if got.err == nil || !strings.Contains(got.err.Error(), "schema shop that no demo has made") {
		t.Errorf("got %v", got.err)
	}
	var endpoints int
	if err := db.QueryRow(t.Context(), "select count(*) from orderbell.endpoint").Scan(&endpoints); err != nil {
		t.Fatal(err)
	}
	if endpoints != 0 {
		t.Error("endpoints were written all the same")
	}
}

// Connections that break cost orders, and nothing else: before the COMMIT an order
// has failed, in it nobody knows.
func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	db := connect(t, url)
	if got := <-play(t, url, time.Second); got.err != nil { // makes the table
		t.Fatal(got.err)
	}
	if _, err := db.Exec(t.Context(), `
		create function shop.break() returns trigger language plpgsql as $$
		begin
			perform pg_terminate_backend(pg_backend_pid());
			return null;
		end $$;
		create trigger breaks after insert on shop.orders
			for each row when (new.order_no like '%7') execute function shop.break();
		create constraint trigger breaks_at_commit after insert on shop.orders deferrable initially deferred
			for each row when (new.order_no like '%2') execute function shop.break()`); err != nil {
		t.Fatal(err)
	}
	work(t, url)
	var said bytes.Buffer
	summary, err := demo.Run(t.Context(), demo.Options{Scene: "shop", For: 3 * time.Second, DatabaseURL: url, Err: &said})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v\n%s", summary, said.String())
	if !summary.OK() || summary.OrdersCommitted == 0 || summary.Acknowledged == 0 {
		t.Errorf("%+v", summary)
	}
	if summary.OrdersFailed == 0 || summary.OrdersUnknown == 0 {
		t.Errorf("%d failed and %d are of unknown fate", summary.OrdersFailed, summary.OrdersUnknown)
	}
	if n := strings.Count(said.String(), "could not place an order"); n == 0 || n > 4 {
		t.Errorf("it complained %d times:\n%s", n, said.String())
	}
}
