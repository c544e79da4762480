package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// hidden is what any Text is printed as, the empty one too.
const hidden = "[secret]"

// Text is a secret that shows itself only to who asks by name. The zero Text is empty.
type Text struct {
	plain *string
}

// NewText hides a text.
func NewText(plain string) Text { return Text{&plain} }

// Reveal returns the secret.
func (t Text) Reveal() string {
	if t.plain == nil {
		return ""
	}
	return *t.plain
}

// IsZero says whether there is none, or an empty one.
func (t Text) IsZero() bool { return t.Reveal() == "" }

// Equal compares in a time that does not tell where two secrets differ. (== compares
// where they are kept.)
func (t Text) Equal(other Text) bool {
	return subtle.ConstantTimeCompare([]byte(t.Reveal()), []byte(other.Reveal())) == 1
}

// String does not tell.
func (t Text) String() string { return hidden }

// GoString does not tell.
func (t Text) GoString() string { return hidden }

// Format does not tell, whatever the verb. (%p asks nobody, and prints an address.)
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue does not tell.
func (t Text) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText does not tell; it serves JSON's keys, YAML and XML.
func (t Text) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON does not tell.
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// UnmarshalText reads a secret from a configuration.
func (t *Text) UnmarshalText(text []byte) error {
	*t = NewText(string(text))
	return nil
}
