package readme_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const verifying = "Verify a request"

// Each example gets all requests in one process, since some take a second to start. A
// request is a line: the clock, then id, timestamp, signatures, body and secrets, each
// in base64. Java has no JSON of its own.
func lines(all []arrival) string {
	var b strings.Builder
	for _, one := range all {
		b.WriteString(strconv.FormatInt(one.now, 10))
		for _, text := range append([]string{one.id, one.timestamp, one.signatures, one.body}, one.secrets...) {
			b.WriteString(" " + base64.StdEncoding.EncodeToString([]byte(text)))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// judge runs an example over all requests. It answers each in a line: true, false, or
// error where it threw something.
func judge(t *testing.T, folder, name string, args ...string) {
	t.Helper()
	all := arrivals(t)
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = folder, append(os.Environ(), "GOWORK=off"), strings.NewReader(lines(all))
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said.String())
	}
	got := strings.Fields(string(out))
	if len(got) != len(all) {
		t.Fatalf("%d requests were judged, want %d\n%s", len(got), len(all), said.String())
	}
	for i, one := range all {
		if got[i] != one.want && (one.want != notTrue || got[i] == "true") {
			t.Errorf("%s: %s, want %s", one.name, got[i], one.want)
		}
	}
}

// example is the page's only block of a language, which must compare in constant time:
// no request can show whether it does.
func example(t *testing.T, language, comparing string) string {
	t.Helper()
	text := shown(t, verifying, language, 1)[0]
	if strings.Count(text, comparing) != 1 {
		t.Errorf("the example does not compare with %s", comparing)
	}
	return text
}

func TestVerifyInGo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "receiver"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, folder, "go.mod", "module shop\n\ngo 1.21\n") // no newer Go is asked of a merchant
	write(t, folder, "receiver/verify.go", example(t, "go", "hmac.Equal("))
	write(t, folder, "main.go", testdata(t, "verify.go.txt"))
	execute(t, folder, []string{"GOWORK=off"}, "go", "vet", "./receiver")
	judge(t, folder, "go", "run", ".")
}

func TestVerifyInJava(t *testing.T) {
	t.Parallel()
	need(t, "javac")
	folder := t.TempDir()
	write(t, folder, "Receiver.java", example(t, "java", "MessageDigest.isEqual("))
	write(t, folder, "Verify.java", testdata(t, "Verify.java"))
	execute(t, folder, nil, "javac", "-Xlint:all", "-Werror", "Receiver.java", "Verify.java")
	judge(t, folder, "java", "-XX:TieredStopAtLevel=1", "-cp", ".", "Verify")
}

func TestVerifyInPHP(t *testing.T) {
	t.Parallel()
	need(t, "php")
	folder := t.TempDir()
	write(t, folder, "receiver.php", example(t, "php", "hash_equals("))
	write(t, folder, "verify.php", testdata(t, "verify.php"))
	judge(t, folder, "php", "-d", "display_errors=stderr", "verify.php")
}

func TestVerifyInPython(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	folder := t.TempDir()
	write(t, folder, "receiver.py", example(t, "python", "hmac.compare_digest("))
	write(t, folder, "verify.py", testdata(t, "verify.py"))
	judge(t, folder, "python3", "-W", "error", "verify.py")
}

func TestVerifyInNode(t *testing.T) {
	t.Parallel()
	need(t, "node")
	folder := t.TempDir()
	write(t, folder, "receiver.mjs", example(t, "js", "timingSafeEqual("))
	write(t, folder, "verify.mjs", testdata(t, "verify.mjs"))
	judge(t, folder, "node", "verify.mjs")
}
