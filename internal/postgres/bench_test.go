package postgres_test

import (
	"fmt"
	"testing"

	"github.com/orderbell/orderbell/internal/outbox"
)

// preload writes n notifications of 500 bytes to m-1, due at once.
func (h *house) preload(n int) {
	h.t.Helper()
	h.exec(`insert into orderbell.notification (endpoint, event, order_no, body)
		select 'm-1', 'trade.success', n::text, repeat('x', 500) from generate_series(1, $1::int) n`, n)
}

// batch claims up to n rows with what to send, and acknowledges them.
func (h *house) batch(b *testing.B, n int) []*outbox.Settlement {
	b.Helper()
	claims := h.claim(h.db, n)
	if gone, err := h.db.Fill(b.Context(), claims); err != nil || len(gone) > 0 {
		b.Fatal(len(gone), err)
	}
	batch := make([]*outbox.Settlement, len(claims))
	for i, claim := range claims {
		batch[i] = result(claim, outbox.OutcomeAcknowledged)
	}
	return batch
}

// What a row costs the database, by the size of the batch: one operation is one row.
func BenchmarkRow(b *testing.B) {
	for _, size := range []int{1, 16, 32, 64, 256, 500} {
		b.Run(fmt.Sprintf("claim/%d", size), func(b *testing.B) {
			h := newHouse(b)
			h.preload(b.N)
			b.ResetTimer()
			lanes := lane(size)
			for done := 0; done < b.N; done += size {
				claims, err := h.db.Claim(b.Context(), lanes, nil, nil)
				if err != nil {
					b.Fatal(err)
				}
				lanes[0].From = claims[len(claims)-1].Due // as a busy lane does
			}
		})
		b.Run(fmt.Sprintf("fill/%d", size), func(b *testing.B) {
			h := newHouse(b)
			h.preload(size)
			claims := h.claim(h.db, size)
			b.ResetTimer()
			for done := 0; done < b.N; done += size {
				if _, err := h.db.Fill(b.Context(), claims[:min(size, b.N-done)]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("settle/%d", size), func(b *testing.B) {
			h := newHouse(b)
			h.preload(b.N)
			var batches [][]*outbox.Settlement
			for done := 0; done < b.N; done += size {
				batches = append(batches, h.batch(b, min(size, b.N-done)))
			}
			b.ResetTimer()
			for _, batch := range batches {
				h.settle(batch...)
			}
		})
	}
}

// Claims and settles at once, as a worker does them: one operation is one row.
func BenchmarkClaimAndSettle(b *testing.B) {
	for _, size := range []int{32, 64, 256, 500} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			h := newHouse(b)
			h.preload(b.N)
			batches := make(chan []*outbox.Settlement, 1)
			b.ResetTimer()
			go func() {
				defer close(batches)
				for done := 0; done < b.N; done += size {
					batches <- h.batch(b, min(size, b.N-done))
				}
			}()
			for batch := range batches {
				if _, _, err := h.db.Settle(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What it costs to ask for endpoints with both limits, and to learn that they have none.
func BenchmarkReserve(b *testing.B) {
	for _, size := range []int{1, 16, 64} {
		for _, limits := range []string{"max_in_flight = 10000, rate_per_second = 10000", "max_in_flight = null"} {
			b.Run(fmt.Sprintf("%d/%s", size, limits), func(b *testing.B) {
				h := newHouse(b)
				h.exec("insert into orderbell.endpoint (id, url) select 'x-' || n, 'http://shop.example' from generate_series(1, $1::int) n", size)
				h.exec("update orderbell.endpoint set " + limits)
				wants := make([]outbox.Want, size)
				for i := range wants {
					wants[i] = outbox.Want{Endpoint: fmt.Sprint("x-", i+1), Slots: 5, Sends: 5}
				}
				for b.Loop() {
					if _, err := h.db.Reserve(b.Context(), wants); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
