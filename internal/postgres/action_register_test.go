package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbell/orderbell/internal/outbox"
)

// Only functions of the right kind, that whoever writes the endpoint may call, are taken.
func TestWhatMayBeAnAction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, create := range []string{
		"function public.good(text, text) returns boolean language sql as 'select true'",
		"function public.nothing(text, text) returns void language sql as 'select'",
		"function public.one_text(text) returns boolean language sql as 'select true'",
		"function public.json_arg(text, jsonb) returns boolean language sql as 'select true'",
		"function public.many(text, text) returns setof boolean language sql as 'select true where false'",
		"procedure public.proc(text, text) language sql as 'select'",
		`function public."Odd; name"(text, text) returns boolean language sql as 'select true'`,
		"function public.shut(text, text) returns boolean language sql as 'select true'",
		"schema private",
		"function private.hidden(text, text) returns boolean language sql as 'select true'",
	} {
		h.exec("create " + create)
	}
	h.exec("revoke all on function public.shut from public")
	for url, says := range map[string]string{
		"sql:public.good":         "",
		"sql:PUBLIC.Good":         "",
		`sql:public."Odd; name"`:  "",
		"sql:":                    "url is no sql:schema.function",
		"sql:good":                "url is no sql:schema.function",
		"sql:a.b.c":               "url is no sql:schema.function",
		"sql:public.good()":       "url is no sql:schema.function",
		"sql:public.good; drop":   "url is no sql:schema.function",
		`sql:public."good`:        "url is no sql:schema.function",
		"sql:public.absent":       "there is no function public.absent(text, text)",
		"sql:absent.good":         "there is no function absent.good(text, text)",
		"sql:public.nothing":      "public.nothing(text,text) is no function (text, text) returns boolean",
		"sql:public.many":         "public.many(text,text) is no function (text, text) returns boolean",
		"sql:public.proc":         "public.proc(text,text) is no function (text, text) returns boolean",
		"sql:public.one_text":     "there is no function public.one_text(text, text)",
		"sql:public.json_arg":     "there is no function public.json_arg(text, text)",
		"sql:public.shut":         "orderbell_operator may not execute public.shut(text,text)",
		"sql:private.hidden":      "orderbell_operator may not use the schema",
		"SQL:public.good":         "url",
		"sql:pg_catalog.pg_sleep": "there is no function",
	} {
		tx := h.begin()
		if _, err := tx.Exec(t.Context(), "set local role orderbell_operator"); err != nil {
			t.Fatal(err)
		}
		_, err := tx.Exec(t.Context(), "update orderbell.endpoint set url = $1", url)
		var refused *pgconn.PgError
		if says == "" && err != nil || says != "" && (!errors.As(err, &refused) || refused.Code != "23514" || !strings.Contains(refused.Message, says)) {
			t.Errorf("%s: %v, wanted %q", url, err, says)
		}
		_ = tx.Rollback(t.Context())
	}
}

// A row's own URL names no function: any producer could have it called as the worker.
func TestARowNamesNoAction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.action(works("return true"))
	for _, url := range []string{"sql:public.act", "SQL:public.act", " sql:public.act"} {
		id := one[outbox.ID](t, h.pool, "select orderbell.enqueue('m-1', 'e', 'A1', '', url => $1)", url)
		if got := h.standing(id); got.State != "rejected" {
			t.Errorf("%s: it stands at %+v", url, got)
		}
	}
}

// A function that was dropped is told by the directory, and one that is there again.
func TestADroppedActionIsAFault(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.action(works("return true"))
	fault := func() string {
		t.Helper()
		found, err := h.db.Endpoints(t.Context(), []string{"m-1"})
		if err != nil || len(found) != 1 || found[0].Action != "public.act" {
			t.Fatalf("endpoints: %+v, %v", found, err)
		}
		return found[0].ActionFault
	}
	if got := fault(); got != "" {
		t.Errorf("it is said to be wrong: %s", got)
	}
	h.exec("drop function public.act")
	got := fault()
	if got != "there is no function public.act(text, text)" {
		t.Errorf("it says %q", got)
	}
	id := h.enqueue("A1")
	if err := h.db.SetEndpointFault(t.Context(), "m-1", got); err != nil {
		t.Fatal(err)
	}
	h.explains(id, "parked because endpoint m-1: there is no function public.act(text, text); no rung is spent")
	h.exec("create function public.act(order_no text, body text) returns boolean language sql as 'select true'")
	if got := fault(); got != "" {
		t.Errorf("it is said to be wrong still: %s", got)
	}
}
