package outbox_test

import (
	"testing"

	"github.com/orderbell/orderbell/internal/outbox"
)

func TestFormatID(t *testing.T) {
	t.Parallel()
	for want, id := range map[string]outbox.ID{
		"00000000-0000-0000-0000-000000000000": {},
		"ffffffff-ffff-ffff-ffff-ffffffffffff": {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
		"01a1fa46-6616-7e7c-9f6c-d6ef07424c0d": {0x01, 0xa1, 0xfa, 0x46, 0x66, 0x16, 0x7e, 0x7c, 0x9f, 0x6c, 0xd6, 0xef, 0x07, 0x42, 0x4c, 0x0d},
	} {
		if got := outbox.FormatID(id); got != want {
			t.Errorf("got %s, wanted %s", got, want)
		}
	}
}

func BenchmarkFormatID(b *testing.B) {
	id := outbox.ID{0x01, 0xa1, 0xfa, 0x46, 0x66, 0x16, 0x7e, 0x7c, 0x9f, 0x6c, 0xd6, 0xef, 0x07, 0x42, 0x4c, 0x0d}
	b.ReportAllocs()
	for b.Loop() {
		outbox.FormatID(id)
	}
}
