package config_test

import (
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/config"
)

func TestWhereToListen(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"127.0.0.1:8401": "", "[::1]:8401": "", "localhost:0": "", "[::ffff:127.0.0.1]:1": "", "": "",
		":8401": "api.listen: listens beyond", "0.0.0.0:8401": "api.listen: listens beyond", "shop.example:8401": "api.listen: listens beyond",
		"8401": "is no address", "127.0.0.1": "is no address", "127.0.0.1:http": "is no address", "127.0.0.1:65536": "is no address",
		"::1:8401": "is no address", "127.0.0.1:": "is no address", "http://127.0.0.1:8401": "is no address", "127.0.0.1:-1": "is no address",
	} {
		c, warnings, err := config.Load("", []string{"ORDERBELL_API_LISTEN=" + listen})
		said := ""
		switch {
		case err != nil:
			said = err.Error()
		case len(warnings) > 0:
			said = warnings[0].String()
		}
		if (said == "") != (want == "") || !strings.Contains(said, want) {
			t.Errorf("%q: %q, want %q", listen, said, want)
		}
		if err == nil && c.API.Listen != listen {
			t.Errorf("%q became %q", listen, c.API.Listen)
		}
	}
}
