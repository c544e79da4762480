package bench

import "testing"

func TestNumber(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64]string{
		0: "0", 1: "1", 4: "4", 2.5: "2.5", 0.7: "0.7", 0.96: "0.96", 1.234: "1.23", 9.999: "10",
		12.34: "12.3", 99.96: "100", 123.4: "123", 999.6: "1,000", 60000: "60,000", 1234567: "1,234,567",
		0.1234: "0.123", 0.004321: "0.00432", -1234: "-1,234", -0.5: "-0.5", 0.9999: "1",
	} {
		if got := number(value); got != want {
			t.Errorf("%v is written %q, want %q", value, got, want)
		}
	}
}

func TestWithUnit(t *testing.T) {
	t.Parallel()
	for unit, want := range map[string]string{"": "2", "/s": "2/s", "ms": "2 ms"} {
		if got := withUnit(2, unit); got != want {
			t.Errorf("2 of %q is written %q, want %q", unit, got, want)
		}
	}
}
