package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// What is done to a row while its request is on the way. The endpoint has it: unless it
// can no longer be told, it ends acknowledged, and is not sent to again for long.
func TestRowsEditedInFlight(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit  string
		state string
		sent  int
	}{
		"nothing":                   {"select 1", "acknowledged", 1},
		"the endpoint is deleted":   {"delete from orderbell.endpoint where id = 'sick'", "acknowledged", 1},
		"the endpoint moves":        {"update orderbell.endpoint set url = 'http://10.0.0.1/', policy = 'webhook' where id = 'sick'", "acknowledged", 1},
		"its policy is deleted":     {"delete from orderbell.policy where name = 'own'", "acknowledged", 1},
		"its policy breaks":         {"update orderbell.policy set acknowledge = '(' where name = 'own'", "acknowledged", 1},
		"its notification is gone":  {"delete from orderbell.notification where id = 'ID'", "acknowledged", 1},
		"its body is another":       {notificationSet("body = repeat('x', 1000000)"), "acknowledged", 1},
		"its lease never ends":      {deliverySet("leased_until = 'infinity'"), "acknowledged", 1},
		"it is somebody else's":     {deliverySet("claimed_by = 'me'"), "acknowledged", 1},
		"it is parked":              {deliverySet("policy = 'nowhere'"), "acknowledged", 1},
		"it moves to another":       {deliverySet("endpoint = 'nowhere'"), "acknowledged", 1},
		"its rungs are spent":       {deliverySet("rung = 32767, unknowns = 32767"), "acknowledged", 1},
		"it is due in the future":   {deliverySet("state = 'pending', leased_until = null, claimed_by = null, next_attempt_at = now() + interval '1 h'"), "acknowledged", 1},
		"it is held":                {deliverySet("state = 'held', leased_until = null, claimed_by = null, next_attempt_at = 'infinity'"), "acknowledged", 1},
		"it counts many attempts":   {deliverySet("attempt_count = 1000"), "acknowledged", 1},
		"its delivery is gone":      {"delete from orderbell.delivery where notification_id = 'ID'", "", 1},
		"its delivery is another's": {deliverySet("notification_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff'"), "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t)
			merchant := merchanttest.New(t)
			answer := make(chan struct{})
			merchant.Script("", merchanttest.Answer{Body: "success", Until: answer})
			w.exec("insert into orderbell.policy (name, ladder, acknowledge, timeout) values ('own', '{1h}', 'true', '60 s')")
			w.endpoint("sick", merchant.URL, "standard")
			var id string
			w.get("select orderbell.enqueue('sick', 'e', 'o-1', '{}', policy => 'own')", nil, &id)
			w.start()
			merchant.Wait(t.Context(), 1)
			w.exec(strings.ReplaceAll(c.edit, "ID", id))
			w.add("well-1")
			w.wellAll()
			close(answer)
			pgtest.Eventually(t, 20*time.Second, "its attempt is recorded", func() error {
				if n := w.count("select count(*) from orderbell.attempt where notification_id = $1 and outcome = 'acknowledged'", id); n != 1 {
					return fmt.Errorf("%d attempts", n)
				}
				return nil
			})
			// A row that was given to another attempt is looked after when its lease ends.
			pgtest.Eventually(t, 30*time.Second, "it is where it belongs", func() error {
				var state string
				w.get("select coalesce((select state::text from orderbell.finished where notification_id = $1), '')", []any{id}, &state)
				if state != c.state {
					return fmt.Errorf("it is %q, wanted %q", state, c.state)
				}
				return nil
			})
			w.add("well-2")
			w.wellAll()
			if n := len(merchant.Requests()); n != c.sent {
				t.Errorf("%d requests, wanted %d", n, c.sent)
			}
		})
	}
}

// Attempts that are counted anew have numbers that are taken: what is recorded stays,
// and the row goes on all the same, to its end.
func TestAttemptsCountedAnew(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	merchant := merchanttest.New(t)
	merchant.Script("", merchanttest.Status(500), merchanttest.Status(500), merchanttest.Success())
	w.endpoint("sick", merchant.URL, "standard")
	w.start()
	id := w.enqueue("sick", "o-1", "{}")
	w.settled(id, 1)
	for range 2 {
		w.exec("update orderbell.delivery set attempt_count = 0 where notification_id = $1", id)
		before := len(merchant.Requests())
		w.bring(id)
		merchant.Wait(t.Context(), before+1)
		w.add("well-1")
		w.wellAll()
		pgtest.Eventually(t, 20*time.Second, "the attempt is settled", func() error {
			if w.count("select count(*) from orderbell.delivery where notification_id = $1 and (state = 'in_flight' or attempt_count = 0)", id) == 1 {
				return fmt.Errorf("it is not")
			}
			return nil
		})
	}
	if state, why := w.ended(id); state != "acknowledged" {
		t.Errorf("it is %s: %s", state, why)
	}
	if diff := cmp.Diff([]string{"answered"}, w.outcomes(id)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// A delivery that is made again by hand, for what is finished, is sent once more; the
// first ending stays.
func TestDeliveryMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.endpoint("sick", w.merchant.URL, "standard")
	w.start()
	id := w.enqueue("sick", "o-1", "{}")
	w.ended(id)
	w.exec("insert into orderbell.delivery (notification_id, next_attempt_at, endpoint, state) values ($1, now(), 'sick', 'pending')", id)
	w.exec("select orderbell.ring()")
	w.merchant.Wait(t.Context(), 2)
	pgtest.Eventually(t, 20*time.Second, "the delivery is gone again", func() error {
		if w.count("select count(*) from orderbell.delivery") != 0 {
			return fmt.Errorf("it is there")
		}
		return nil
	})
	w.add("sick")
	w.wellAll()
	if n := w.count("select count(*) from orderbell.finished where notification_id = $1", id); n != 1 {
		t.Errorf("%d endings", n)
	}
	if n := len(w.merchant.Requests()); n != 3 {
		t.Errorf("%d requests, wanted one more for each delivery", n)
	}
}
