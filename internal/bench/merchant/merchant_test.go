package merchant_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/bench/merchant"
)

// post sends a notification and reads the answer.
func post(t *testing.T, client *http.Client, url, id, body string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Orderbell-Notification-Id", id)
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func newClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 1}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func count(t *testing.T, p *merchant.Process) merchant.Count {
	t.Helper()
	c, err := p.Count()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCounts(t *testing.T) {
	t.Parallel()
	p, client := start(t), newClient(t)
	began := time.Now().UnixNano()
	for _, body := range []string{"", strings.Repeat("x", 500), strings.Repeat("y", 100_000)} {
		if status, answer := post(t, client, p.URL+"/d/0s", "one", body); status != http.StatusOK || answer != "success" {
			t.Fatalf("answered %d %q", status, answer)
		}
	}
	c := count(t, p)
	if c.Requests != 3 || c.First < began || c.Last < c.First || c.Last > time.Now().UnixNano() {
		t.Errorf("counted %+v since %d", c, began)
	}
	if noted, err := p.Noted(); err != nil || len(noted) != 0 {
		t.Errorf("noted %v, %v on a path that is not noted", noted, err)
	}
	if err := p.Reset(); err != nil {
		t.Fatal(err)
	}
	if c := count(t, p); c != (merchant.Count{}) {
		t.Errorf("after a reset: %+v", c)
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	p, client := start(t), newClient(t)
	for _, id := range []string{"a", "b"} {
		post(t, client, p.URL+"/r/0s", id, "{}")
	}
	noted, err := p.Noted()
	if err != nil || len(noted) != 2 || noted[0].ID != "a" || noted[1].ID != "b" || noted[0].At > noted[1].At {
		t.Errorf("noted %+v, %v", noted, err)
	}
	for _, a := range noted {
		if a.Answered < a.At {
			t.Errorf("%s came at %d and was answered at %d", a.ID, a.At, a.Answered)
		}
	}
	if again, err := p.Noted(); err != nil || len(again) != 0 {
		t.Errorf("noted again: %+v, %v", again, err)
	}
}

func TestTakesItsTime(t *testing.T) {
	t.Parallel()
	p := start(t)
	began := time.Now()
	post(t, newClient(t), p.URL+"/d/30ms", "a", "{}")
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Errorf("answered after %s", took)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	p := start(t)
	for name, request := range map[string]string{
		"path":         "GET /other HTTP/1.1\r\n\r\n",
		"delay":        "GET /d/soon HTTP/1.1\r\n\r\n",
		"version":      "GET /d/0s HTTP/1.0\r\n\r\n",
		"nothing":      "\r\n\r\n",
		"chunked":      "POST /d/0s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"expectation":  "POST /d/0s HTTP/1.1\r\nexpect: 100-continue\r\n\r\n",
		"length":       "POST /d/0s HTTP/1.1\r\nContent-Length: many\r\n\r\n",
		"under zero":   "POST /d/0s HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"a long line":  "POST /d/0s HTTP/1.1\r\nA: " + strings.Repeat("a", 10_000) + "\r\n\r\n",
		"not HTTP yet": "hello\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil || line != "HTTP/1.1 400 Bad Request\r\n" {
				t.Errorf("answered %q, %v", line, err)
			}
		})
	}
}

// Two requests in one packet get two answers, in order.
func TestPipeline(t *testing.T) {
	t.Parallel()
	p := start(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	one := "POST /d/0s HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"
	if _, err := io.WriteString(conn, one+one); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for range 2 {
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		if err != nil || string(text) != "success" {
			t.Errorf("answered %q, %v", text, err)
		}
		response.Body.Close()
	}
	if c := count(t, p); c.Requests != 2 {
		t.Errorf("counted %d requests", c.Requests)
	}
}

// What it guards ends with it, and what it was told to leave alone does not.
func TestGuard(t *testing.T) {
	t.Parallel()
	p := start(t)
	guarded, spared := sleeper(t), sleeper(t)
	for _, err := range []error{p.Guard(guarded.Process.Pid), p.Guard(spared.Process.Pid), p.Unguard(spared.Process.Pid), p.Stop()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := guarded.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("what was guarded ended with %v", err)
	}
	if err := spared.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("what was no longer guarded: %v", err)
	}
}

func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	if _, err := merchant.Start(t.Context(), []string{"/no/such/program"}); err == nil {
		t.Error("a program that is not there was started")
	}
	if _, err := merchant.Start(t.Context(), []string{"true"}); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("a program that ends at once: %v", err)
	}
}
