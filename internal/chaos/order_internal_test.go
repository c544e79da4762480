package chaos

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestOrdersAreReadAsTheShopLeftThem(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "orders.jsonl")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	log := &orderLog{file: file}
	for _, o := range []Order{
		{No: "1", Fate: intended, IDs: []string{"a"}},
		{No: "2", Fate: intended, IDs: []string{"b"}, Undone: []string{"c"}},
		{No: "1", Fate: Committed, IDs: []string{"a"}},
		{No: "3", Fate: Failed, Code: "57P01", Error: "terminated"},
	} {
		if err := log.add(o); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := file.WriteString(`{"no":"2","fate":"comm`); err != nil { // killed in the middle
		t.Fatal(err)
	}
	orders, err := readOrders(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Order{
		{No: "1", Fate: Committed, IDs: []string{"a"}},
		{No: "2", Fate: Unknown, IDs: []string{"b"}, Undone: []string{"c"}},
		{No: "3", Fate: Failed, Code: "57P01", Error: "terminated"},
	}
	if diff := cmp.Diff(want, orders, cmpopts.IgnoreFields(Order{}, "At")); diff != "" {
		t.Error(diff)
	}
}

func TestEachKindOfOrderMeetsEachEnd(t *testing.T) {
	t.Parallel()
	s := &shopkeeper{ShopOptions: ShopOptions{Endpoints: []string{"a", "b", "c", "d", "e", "f"}}}
	type kind struct {
		endpoint                       string
		rollsBack, plain, twice, taken bool
	}
	met := make(map[kind]bool)
	const orders = 20_000 // the rarest kind is one in 2,520
	for n := range orders {
		met[kind{s.endpointOf(n), rollsBack(n), insertsPlainly(n), notifiesTwice(n), takesBack(n)}] = true
	}
	if want := len(s.Endpoints) * 2 * 2 * 2 * 2; len(met) != want {
		t.Errorf("%d orders are of %d kinds, want %d", orders, len(met), want)
	}
}
