package delivery

import (
	"strings"
	"testing"
)

func TestTarget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, host, line string }{
		{"https://shop.example", "shop.example", "/"},
		{"https://shop.example/a?b=%zz&&c;d=[]\"'#f", "shop.example", "/a?b=%zz&&c;d=[]\"'"},
		{"https://shop.example/a b?c d=é", "shop.example", "/a%20b?c%20d=%C3%A9"},
		{"HTTPS://shop.example?", "shop.example", "/?"},
		{"http://[::1]:80/x", "[::1]:80", "/x"},
	} {
		u, err := target(c.text)
		if err != nil || u.Host != c.host || u.RequestURI() != c.line {
			t.Errorf("%s: got %v %v", c.text, u, err)
		}
	}
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"https://a/b?c d", "http://u:p@h", "http:/x", "://", "https://支付.example/é", "http://h/\x00", "http://[::1%25eth0]/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := target(text)
		if err != nil {
			return
		}
		if line := u.RequestURI(); strings.ContainsAny(line, " \r\n\t") || u.Hostname() == "" {
			t.Errorf("%q makes the request line %q", text, line)
		}
	})
}
