package bench

import (
	"math"
	"strconv"
	"strings"
)

// withUnit writes a number before its unit.
func withUnit(value float64, unit string) string {
	if unit == "" || strings.HasPrefix(unit, "/") {
		return number(value) + unit
	}
	return number(value) + " " + unit
}

// number writes three digits that count, and thousands apart.
func number(value float64) string {
	size := math.Abs(value)
	switch {
	case size >= 99.95:
		return thousands(strconv.FormatFloat(value, 'f', 0, 64))
	case size >= 9.995:
		return plain(value, 1)
	case size >= 0.9995:
		return plain(value, 2)
	case size >= 0.01:
		return plain(value, 3)
	}
	return plain(value, 5)
}

// plain leaves out zeros that say nothing.
func plain(value float64, places int) string {
	digits := strconv.FormatFloat(value, 'f', places, 64)
	return strings.TrimSuffix(strings.TrimRight(digits, "0"), ".")
}

// thousands sets the digits of a whole number apart.
func thousands(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}
