package chaos_test

import (
	crypto "crypto/rand"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/channels"
	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// 1,000 trades at two payment channels, questions and answers signed, while workers are
// killed at random: each question ends at the first final answer, its hook is called once,
// and with the state that the channel has. A trade is asked about more often than its
// script is long only where a killed worker may have had the answer.
func TestQuestionsWithRandomCrashes(t *testing.T) {
	t.Parallel()
	const trades, kills = 1000, 4
	h := chaos.New(t, chaos.Options{})
	alipay, err := channels.NewAlipay("2026000100000001")
	if err != nil {
		t.Fatal(err)
	}
	wechat, err := channels.NewWeChatPay("1900000001")
	if err != nil {
		t.Fatal(err)
	}
	atAlipay, atWeChat := httptest.NewServer(alipay), httptest.NewServer(wechat)
	t.Cleanup(atAlipay.Close)
	t.Cleanup(atWeChat.Close)
	key := make([]byte, 32)
	_, _ = crypto.Read(key) // never fails
	master := "ORDERBELL_SECRETS_MASTER_KEY=" + base64.StdEncoding.EncodeToString(key)
	channel(h, "alipay", atAlipay.URL, "POST", "form", "alipay-gateway", `json("alipay_trade_query_response.trade_status") in ["TRADE_SUCCESS", "TRADE_CLOSED"]`, alipay.AnswerKey())
	channel(h, "wechatpay", atWeChat.URL, "GET", "query", "wechatpay-request", `json("trade_state") in ["SUCCESS", "CLOSED"]`, wechat.AnswerKey())
	importSecret(t, h, master, "alipay", alipay.Secret())
	importSecret(t, h, master, "wechatpay", wechat.Secret())
	h.SQL(`create schema trade;
		create table trade.final (order_no text not null, state text not null);
		create function trade.final(order_no text, answer text) returns void language sql as $$
			insert into trade.final values (order_no,
				coalesce(answer::json #>> '{alipay_trade_query_response,trade_status}', answer::json ->> 'trade_state'))
		$$;
		insert into orderbell.hook values ('final', 'trade.final(text,text)')`)
	asked := make(map[string]int) // how often, at the least and without a crash
	for n := range trades {
		no := fmt.Sprintf("T%d", n)
		waits := rand.IntN(3)
		asked[no] = waits + 1
		if n%2 == 0 {
			alipay.Script(no, append(repeat("WAIT_BUYER_PAY", waits), []string{"TRADE_SUCCESS", "TRADE_CLOSED"}[n/2%2])...)
			h.SQL("select orderbell.enqueue('alipay', 'trade.query', $1, $2, on_acknowledged => 'final')",
				no, fmt.Sprintf(`{"app_id":%q,"method":"alipay.trade.query","biz_content":{"out_trade_no":%q}}`, alipay.AppID(), no))
			continue
		}
		wechat.Script(no, append(repeat("NOTPAY", waits), []string{"SUCCESS", "CLOSED"}[n/2%2])...)
		h.SQL("select orderbell.enqueue('wechatpay', 'trade.query', $1, $2, url => $3, on_acknowledged => 'final')",
			no, fmt.Sprintf(`{"mchid":%q}`, wechat.MchID()), atWeChat.URL+wechat.Path(no))
	}
	workers := []*chaos.Worker{h.Work("w1", master), h.Work("w2", master)}
	for n := range kills {
		some := trades * (n + 1) / (kills + 2)
		pgtest.Eventually(t, time.Minute, fmt.Sprintf("%d trades are final", some), func() error {
			if got := h.Text("select (select count(*) from trade.final) >= $1", some); got != "true" {
				return fmt.Errorf("they are %s", h.Text("select count(*) from trade.final"))
			}
			return nil
		})
		victim := rand.IntN(len(workers))
		workers[victim].Kill()
		workers[victim] = h.Work(fmt.Sprintf("w%d", n+3), master)
	}
	h.Becomes("0", "select count(*) from orderbell.delivery")
	for what, query := range map[string]string{
		"trades have no hook's call":      "select count(*) from orderbell.notification n where not exists (select from trade.final f where f.order_no = n.order_no)",
		"trades have more than one":       "select count(*) from (select from trade.final group by order_no having count(*) > 1) twice",
		"questions did not end as wanted": "select count(*) from orderbell.finished where state <> 'acknowledged'",
		"states are not the channel's":    `select count(*) from trade.final where (substr(order_no, 2)::int / 2 % 2 = 0) <> (state like '%SUCCESS')`,
	} {
		if n := h.Text(query); n != "0" {
			t.Errorf("%s %s", n, what)
		}
	}
	again := 0
	for no, least := range asked {
		got := alipay.Questions(no) + wechat.Questions(no)
		unknown := h.Text("select count(*) from orderbell.delivery_history where order_no = $1 and outcome in ('unknown', 'interrupted')", no)
		if got < least || got > least && unknown == "0" {
			t.Errorf("trade %s was asked about %d times, wanted %d, with %s attempts unknown", no, got, least, unknown)
		}
		again += got - least
	}
	t.Logf("%d trades, %d workers killed, %d questions came again", trades, kills, again)
	if refused := alipay.Refused() + wechat.Refused(); refused != 0 {
		t.Errorf("the channels refused %d questions", refused)
	}
}

func repeat(state string, times int) []string {
	return strings.Fields(strings.Repeat(state+" ", times))
}

// channel writes the endpoint of a payment channel, and its policy.
func channel(h *chaos.House, id, url, method, format, signature, final, key string) {
	h.SQL(`with p as (
			insert into orderbell.policy (name, ladder, acknowledge, method, format, signature)
			values ($1 || '-question', array_fill(interval '300 ms', array[10]), $5, $3, $4, $6))
		insert into orderbell.endpoint (id, url, policy, answer_key) values ($1, $2, $1 || '-question', $7)`,
		id, url, method, format, final, signature, key)
}

// importSecret gives an endpoint a secret, as its operator would.
func importSecret(t *testing.T, h *chaos.House, master, id, secret string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), id+".pem")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), chaos.Binary(t), "endpoint", "rotate-secret", id, "--import", file)
	cmd.Env = append(os.Environ(), "ORDERBELL_DATABASE_URL="+h.URL, master)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("import the secret of %s: %v: %s", id, err, out)
	}
}
