package acknowledge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/delivery/acknowledge"
)

// A rule that has seen an answer says of the next what a new one would say.
func TestWhatARuleRemembersChangesNothing(t *testing.T) {
	t.Parallel()
	var answers []acknowledge.Answer
	for _, status := range []int{200, 204, 500} {
		for _, body := range []string{"success", "SUCCESS ", "fail", "", `{"code":0}`, `{"code":1}`, strings.Repeat("success", 20)} {
			for _, header := range []http.Header{nil, {"X-Paid": {"yes"}}} {
				answers = append(answers, acknowledge.Answer{Status: status, Header: header, Body: body})
			}
		}
	}
	for _, text := range []string{
		"true", "status == 200", "status in [200, 204]", `body == "success"`, `status == 200 && lower(trim(body)) == "success"`,
		`body | trim() | lower() == "success"`, `trim(string(status), "0") == "2"`, `json("code") == 0`, `header("x-paid") == "yes"`,
		`status == 200 || header("x-paid") == "yes"`, `status == 200 && int(body) == 1`, `not (body contains "fail")`,
	} {
		want := make([]bool, len(answers))
		for i, a := range answers {
			want[i], _ = mustCompile(t, text).True(a)
		}
		used := mustCompile(t, text)
		for _, first := range answers {
			for i, second := range answers {
				_, _ = used.True(first)
				if got, _ := used.True(second); got != want[i] {
					t.Fatalf("%s of %+v after %+v: got %v", text, second, first, got)
				}
			}
		}
	}
}
