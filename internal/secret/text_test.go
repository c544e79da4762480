package secret_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/orderbell/orderbell/internal/secret"
)

const canary = "canary-4f1c"

type public struct{ Secret secret.Text }

type private struct {
	secret  secret.Text
	pointer *secret.Text
	inside  []map[string]secret.Text
}

// A planted canary is looked for in everything that prints.
func TestTextDoesNotTell(t *testing.T) {
	t.Parallel()
	text := secret.NewText(canary)
	values := map[string]any{
		"alone": text, "a pointer": &text, "a field": public{text}, "a field behind a pointer": &public{text},
		"an unexported field": private{text, &text, []map[string]secret.Text{{"x": text}}},
		"a list":              []secret.Text{text}, "a map": map[string]secret.Text{"x": text}, "a key": map[secret.Text]int{text: 1},
		"an error": fmt.Errorf("sign with %v: %w", text, errors.New("failed")),
	}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s"} {
			printed := fmt.Sprintf(verb, value)
			if strings.Contains(printed, canary) || strings.Contains(printed, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s, %s: %s", name, verb, printed)
			}
		}
		var b strings.Builder
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "value", value)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "value", value)
		asJSON, _ := json.Marshal(value)
		asYAML, _ := yaml.Marshal(value)
		b.Write(asJSON)
		b.Write(asYAML)
		if strings.Contains(b.String(), canary) {
			t.Errorf("%s: %s", name, b.String())
		}
	}
	for _, verb := range []string{"%v", "%#v", "%s", "%q", "%x", "%d", "%10s"} {
		if got := fmt.Sprintf(verb, text); got != "[secret]" {
			t.Errorf("%s: %s", verb, got)
		}
	}
	if got := text.String() + fmt.Sprintf("%#v%s", text, secret.Text{}) + text.GoString(); got != strings.Repeat("[secret]", 4) {
		t.Errorf("printed as %s", got)
	}
}

func TestTextIsThere(t *testing.T) {
	t.Parallel()
	text := secret.NewText(canary)
	if text.Reveal() != canary || text.IsZero() {
		t.Error("the secret is lost")
	}
	if !text.Equal(secret.NewText(canary)) || text.Equal(secret.NewText("other")) || text.Equal(secret.Text{}) {
		t.Error("not equal to itself, or to others")
	}
	if empty := (secret.Text{}); !empty.IsZero() || empty.Reveal() != "" || !empty.Equal(secret.NewText("")) {
		t.Error("the zero Text is not empty")
	}
	var read public
	if err := json.Unmarshal([]byte(`{"Secret":"`+canary+`"}`), &read); err != nil || read.Secret.Reveal() != canary {
		t.Errorf("read %q, %v", read.Secret.Reveal(), err)
	}
}
