//go:build !race

package chaos

// Raced tells that the tests run with the race detector, and so should what they start.
const Raced = false
