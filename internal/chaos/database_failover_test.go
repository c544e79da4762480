package chaos_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/devpg"
)

// The primary dies under load and its synchronous standby is promoted. No order that
// was committed is lost, and the workers go on with the other host of their URL: w1
// whose URL asks for it, and w2 whose URL does not, and names the standby first.
func TestFailover(t *testing.T) {
	t.Parallel()
	d := trading(t, chaos.Options{OwnCluster: true})
	standby := d.standBy(devpg.StandbyOptions{Synchronous: true})
	either := hosts(t, "target_session_attrs=read-write", d.Server, standby)
	d.WorkURL = hosts(t, "", standby, d.Server)
	d.employ("w2")
	d.delivered("beside a standby that is met first")
	d.undisturbed()
	d.WorkURL, d.ShopURL = either, either
	d.employ("w1")
	writes := watchWrites(t, d.House, either)
	d.open()
	if err := d.Server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.URL = standby.URL("postgres")
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.resumes("failover", writes.accepts(0))
	d.ends()
	for _, w := range d.workers {
		if strings.Contains(w.Log(), "nothing is sent from a copy") {
			t.Errorf("%s took the promoted standby for a copy", w.Name)
		}
	}
}

// The name of the database leads to its standby before that is promoted, as when DNS is
// changed first: it takes connections, and no writes.
func TestNameMovesToAStandby(t *testing.T) {
	t.Parallel()
	d := trading(t, chaos.Options{OwnCluster: true})
	standby := d.standBy(devpg.StandbyOptions{Synchronous: true})
	p := d.proxied()
	d.ShopURL = d.WorkURL + "&target_session_attrs=read-write"
	d.employ("w1")
	writes := watchWrites(t, d.House, d.ShopURL)
	d.open()
	d.URL = standby.URL("postgres")
	at, err := url.Parse(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	p.SetBackend(at.Host)
	if err := d.Server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.workers[0].Says(complaint)
	d.Becomes("true", "select pg_is_in_recovery()")
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.resumes("a name that led to a standby", writes.accepts(0))
	d.ends()
}

// The database, and so every new transaction that does not say otherwise, becomes
// read-only for a while. Workers say otherwise.
func TestDatabaseIsReadOnlyByDefault(t *testing.T) {
	t.Parallel()
	d := trading(t, chaos.Options{OwnCluster: true})
	d.Excuse("25006") // the shop does not
	d.employ("w1")
	d.open()
	d.SQL("alter system set default_transaction_read_only = on")
	d.SQL("select pg_reload_conf()")
	d.Becomes("on", "select current_setting('default_transaction_read_only')")
	d.employ("w2") // also on new connections
	d.sells(ordersPerSecond / 2)
	d.URL += "&default_transaction_read_only=off"
	d.delivered("while it is read-only")
	d.SQL("alter system reset default_transaction_read_only")
	d.SQL("select pg_reload_conf()")
	d.sells(ordersPerSecond / 2)
	d.undisturbed()
	d.ends()
}

// standBy gives the house's cluster a standby, which ends with the test.
func (d *trade) standBy(o devpg.StandbyOptions) *devpg.Server {
	d.t.Helper()
	standby, err := d.Server.Standby(d.t.Context(), o)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { stopServer(d.t, standby) })
	return standby
}

// hosts is one URL of several servers, which have one password.
func hosts(t *testing.T, parameters string, servers ...*devpg.Server) string {
	t.Helper()
	var all []string
	var u *url.URL
	for _, s := range servers {
		var err error
		if u, err = url.Parse(s.URL("postgres")); err != nil {
			t.Fatal(err)
		}
		all = append(all, u.Host)
	}
	u.Host = strings.Join(all, ",")
	u.RawQuery += "&" + parameters
	return u.String()
}
