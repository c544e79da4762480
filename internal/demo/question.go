package demo

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

// question is the scene in which payment channels are asked what became of a trade, since
// their callback may never come. The final answer goes to a hook, which pays or closes the
// order. Where the callback comes first, the question is cancelled.
type question struct {
	*stage
	run      string
	channels *channelServer
	log      *shopLog
}

const (
	questionPerSecond = 12
	// questionAfter stands for the 30 s after which one asks first.
	questionAfter   = 800 * time.Millisecond
	questionTimeout = 2 * time.Second
	questionCents   = 1 // what every trade costs at the imitated channels

	eventQuery  = "trade.query"
	hookFinal   = "demo-payment-final"
	hookUnknown = "demo-payment-unknown"
)

func questionLadder() outbox.Ladder {
	return outbox.Ladder{500 * time.Millisecond, time.Second, 1500 * time.Millisecond, 2 * time.Second}
}

func openQuestion(ctx context.Context, s *stage) (scene, error) {
	q := &question{stage: s, run: s.name + ".ask"}
	var err error
	if q.channels, err = openChannels(ctx, q.run); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, q.channels.close)
	q.log = &shopLog{perMerchant: make([]int, len(q.channels.of))}
	return q, nil
}

func (q *question) furnish(ctx context.Context, tx pgx.Tx) error {
	if err := writeHook(ctx, tx, hookFinal, "shop.payment_final(text,text)"); err != nil {
		return err
	}
	if err := writeHook(ctx, tx, hookUnknown, "shop.payment_unknown(text,text)"); err != nil {
		return err
	}
	for _, c := range q.channels.of {
		if err := q.introduce(ctx, tx, c); err != nil {
			return err
		}
	}
	return nil
}

// introduce writes a channel's policy and endpoint, with the keys of both sides.
func (q *question) introduce(ctx context.Context, tx pgx.Tx, c channel) error {
	_, err := tx.Exec(ctx, `
		insert into orderbell.policy (name, ladder, acknowledge, timeout, method, format, signature)
		values ($1, $2::interval[], $3, $4, $5, $6, $7)`,
		c.endpoint, []time.Duration(questionLadder()), c.rule, questionTimeout, c.method, c.format, c.signature)
	if err != nil {
		return fmt.Errorf("write policy %s: %w", c.endpoint, err)
	}
	if err := writeEndpoint(ctx, tx, c.endpoint, q.channels.url+c.path, c.endpoint); err != nil {
		return err
	}
	keyID, sealed, err := q.keyring.Seal([]byte(c.secret), c.endpoint, 1)
	if err != nil {
		return fmt.Errorf("seal the secret of endpoint %s: %w", c.endpoint, err)
	}
	if _, err = tx.Exec(ctx, "insert into orderbell.secret (endpoint, version, key_id, sealed) values ($1, 1, $2, $3)",
		c.endpoint, keyID, sealed); err == nil {
		_, err = tx.Exec(ctx, "update orderbell.endpoint set answer_key = $2 where id = $1", c.endpoint, c.answerKey)
	}
	if err != nil {
		return fmt.Errorf("write the keys of endpoint %s: %w", c.endpoint, err)
	}
	return nil
}

func (q *question) play(selling, playing context.Context) {
	steadily(selling, questionPerSecond, func(n int) { q.complaints.tell(q.live(playing, n)) })
}

// live is a trade's life: the payment page is opened, and perhaps the callback comes.
func (q *question) live(ctx context.Context, n int) error {
	o := order{no: fmt.Sprintf("%s-%06d", q.run, n), merchant: n % len(q.channels.of), event: eventQuery}
	channel := q.channels.of[o.merchant]
	story := stories()[n/len(q.channels.of)%len(stories())]
	channel.imitation.Script(o.no, channel.states(story.states)...)
	if err := q.open(ctx, o, rollsBack(n)); err != nil || rollsBack(n) || story.callback == 0 {
		return err
	}
	if !pause(ctx, story.callback) {
		return nil
	}
	channel.imitation.Script(o.no, channel.states([]state{tradePaid})...)
	return q.callback(ctx, o)
}

// open writes an order whose payment page was opened, and the question.
func (q *question) open(ctx context.Context, o order, rollBack bool) error {
	channel := q.channels.of[o.merchant]
	var err error
	o.fate, err = transact(ctx, q.db, rollBack, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "insert into shop.orders (order_no, merchant, cents) values ($1, $2, $3)",
			o.no, channel.endpoint, questionCents); err != nil {
			return err
		}
		url, body := channel.about(q.channels.url, o.no)
		return tx.QueryRow(ctx, `
			select orderbell.enqueue(endpoint => $1, event => $2, order_no => $3, url => $4, body => $5, deliver_after => $6,
			                         on_acknowledged => $7, on_exhausted => $8)::text`,
			channel.endpoint, o.event, o.no, url, body, questionAfter, hookFinal, hookUnknown).Scan(&o.id)
	})
	q.log.add(o)
	if err != nil {
		return fmt.Errorf("open the payment of order %s: %w", o.no, err)
	}
	return nil
}

// callback is the channel's own, which pays the order and ends the question.
func (q *question) callback(ctx context.Context, o order) error {
	channel := q.channels.of[o.merchant]
	fate, err := transact(ctx, q.db, false, func(ctx context.Context, tx pgx.Tx) error {
		// Not a hook's answer of the same time: both take the order's row first.
		_, err := tx.Exec(ctx, "select shop.pay($1, $2, $3, $4)", o.no, channel.name, channel.tradeNo(o.no), questionCents)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "select orderbell.cancel(endpoint => $1, order_no => $2, event => $3)", channel.endpoint, o.no, o.event)
		return err
	})
	if fate == committed || fate == unknown {
		q.log.withdraw(o.no, o.event)
	}
	if err != nil {
		return fmt.Errorf("take the callback for order %s: %w", o.no, err)
	}
	return nil
}

func (q *question) line(ctx context.Context) string {
	orders, asked, in := q.log.counts(), q.channels.log.count(), q.states(ctx, q.run)
	return fmt.Sprintf("question  %6d opened  %6d asked      %6d final   %6d paid, %d closed",
		orders[committed], asked.attempts, asked.acknowledged, in["paid"], in["closed"])
}

func (q *question) account(ctx context.Context, s *Summary) (logs, error) {
	figures, standings, logs, err := q.compared(ctx, q.run+"-", questionLadder(), q.log.all(), q.channels.log.all)
	if err != nil {
		return logs, err
	}
	books, err := readBooks(ctx, q.db, q.run+"-")
	if err != nil {
		return logs, err
	}
	s.add(figures)
	of := compareQuestions(logs, standings, books)
	of.Figures, of.OK = figures, figures.kept() && of.kept()
	s.Scenes.Question = &of
	return logs, nil
}

func (s QuestionSummary) write(to io.Writer) {
	sentences(to, sceneQuestion, s.broken(),
		"%d payment pages were opened, and two channels asked %d times what became of the trades. %d got a final answer, "+
			"which a hook wrote down (%d hook calls, %d for trades that stayed open); %d questions were cancelled, since the channel called first. "+
			"In the end %d were paid and %d closed. Hook called twice: %d, not called: %d, order not as the channel says: %d.",
		s.OrdersCommitted, s.Attempts, s.Acknowledged, s.HookCalls, s.Unknown, s.Withdrawn, s.Paid, s.Closed,
		s.HookedTwice, s.HookMissed, s.Wrong)
}
