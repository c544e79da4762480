package demo

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/config"
)

// scanning is the scene in which a shop forgets notifications. A scan finds the orders
// that have none, and enqueues them; another counts orders that nobody can be told of.
type scanning struct {
	*stage
	run      string
	receiver []temper
	server   *merchants
	log      *shopLog

	mu sync.Mutex
	// sold are the committed orders that lack a notification.
	sold map[string]lacking
}

// lacking is an order that the shop wrote without a notification.
type lacking struct {
	at time.Time // when its COMMIT had been answered
	// hopeless: its merchant has no endpoint, so that it is a gap.
	hopeless bool
}

const (
	scanPerSecond = 8
	// scanSchedule stands for every night.
	scanSchedule = "*/2 * * * * *"
	// scanGrace is how old an order must be to count as forgotten.
	scanGrace = 500 * time.Millisecond
	// Gaps are told of while they are of this age.
	gapFrom, gapTo = time.Second, 4 * time.Second

	endpointScanned = "demo-scanned"
	scanMissed      = "demo-missed"
	scanGaps        = "demo-gaps"
)

func openScan(ctx context.Context, s *stage) (scene, error) {
	c := &scanning{
		stage: s, run: s.name + ".scan", receiver: []temper{{endpointScanned, "takes everything", 1, prompt}},
		log: &shopLog{perMerchant: make([]int, 1)}, sold: make(map[string]lacking),
	}
	var err error
	if c.server, err = openMerchants(ctx, c.run, c.receiver); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, c.server.close)
	s.scans = append(s.scans, c.missed(), c.gaps())
	return c, nil
}

// missed lists every order of the last minute: those that have their notification are
// known by its dedupe_key.
func (c *scanning) missed() config.Scan {
	return config.Scan{Name: scanMissed, Schedule: scanSchedule, Kind: config.KindCompensate, Timeout: 10 * time.Second, Query: fmt.Sprintf(`
		select merchant as endpoint, 'trade.success' as event, order_no,
		       json_build_object('order_no', order_no)::text as body, 'pay-' || order_no as dedupe_key
		from shop.orders
		where starts_with(order_no, '%s-') and merchant = '%s'
		  and created_at between now() - interval '1 minute' and now() - interval '%d ms'`,
		c.run, endpointScanned, scanGrace.Milliseconds())}
}

// gaps lists orders whose merchant has no endpoint.
func (c *scanning) gaps() config.Scan {
	return config.Scan{Name: scanGaps, Schedule: scanSchedule, Kind: config.KindExpectNothing, Timeout: 10 * time.Second, Query: fmt.Sprintf(`
		select order_no, merchant from shop.orders o
		where starts_with(order_no, '%s-') and not exists (select from orderbell.endpoint e where e.id = o.merchant)
		  and created_at between now() - interval '%d ms' and now() - interval '%d ms'`,
		c.run, gapTo.Milliseconds(), gapFrom.Milliseconds())}
}

func (c *scanning) furnish(ctx context.Context, tx pgx.Tx) error {
	return writeEndpoint(ctx, tx, endpointScanned, c.server.url+"/"+endpointScanned, policyName)
}

func (c *scanning) play(selling, playing context.Context) {
	steadily(selling, scanPerSecond, func(n int) { c.complaints.tell(c.place(playing, n)) })
}

// place writes an order. For one in four the notification is forgotten; one in forty is
// for a merchant of whom nobody knows.
func (c *scanning) place(ctx context.Context, n int) error {
	o := order{no: fmt.Sprintf("%s-%06d", c.run, n)}
	hopeless := n%40 == 7
	forgotten, merchant := n%4 == 1 || hopeless, endpointScanned
	if hopeless {
		merchant = "demo-nobody"
	}
	var err error
	o.fate, err = transact(ctx, c.db, rollsBack(n), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "insert into shop.orders (order_no, merchant, cents) values ($1, $2, 100)", o.no, merchant)
		if err != nil || forgotten {
			return err
		}
		return tx.QueryRow(ctx, `
			select orderbell.enqueue(endpoint => $1, event => 'trade.success', order_no => $2, body => $3, dedupe_key => 'pay-' || $2)::text`,
			endpointScanned, o.no, fmt.Sprintf(`{"order_no":%q}`, o.no)).Scan(&o.id)
	})
	if forgotten && o.fate == committed {
		c.mu.Lock()
		c.sold[o.no] = lacking{at: time.Now(), hopeless: hopeless}
		c.mu.Unlock()
	}
	c.log.add(o)
	if err != nil {
		return fmt.Errorf("write order %s: %w", o.no, err)
	}
	return nil
}

func (c *scanning) line(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var runs, found, gaps int // nothing, where that cannot be read now
	_ = c.db.QueryRow(ctx, `
		select count(*)::integer, coalesce(sum(enqueued), 0)::integer, coalesce(sum(rows) filter (where scan = $1), 0)::integer
		from orderbell.scan_run where scan in ($1, $2) and finished_at is not null`, scanGaps, scanMissed).Scan(&runs, &found, &gaps)
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("scan      %6d orders  %6d forgotten  %6d found   %6d gaps in %d runs",
		c.log.counts()[committed], len(c.sold), found, gaps, runs)
}

func (c *scanning) account(ctx context.Context, s *Summary) (logs, error) {
	written, err := readWritten(ctx, c.db, c.run+"-")
	if err != nil {
		return logs{}, err
	}
	runs, err := readRuns(ctx, c.db)
	if err != nil {
		return logs{}, err
	}
	orders, without := complete(c.log.all(), written)
	figures, _, logs, err := c.compared(ctx, c.run+"-", policyLadder(), orders, c.server.log.all)
	if err != nil {
		return logs, err
	}
	figures.OrdersCommitted += without
	s.add(figures)
	of := compareScans(c.sold, written, runs)
	of.Figures, of.OK = figures, figures.kept() && of.kept()
	s.Scenes.Scan = &of
	return logs, nil
}

func (s ScanSummary) write(to io.Writer) {
	sentences(to, sceneScan, s.broken(),
		"Of %d orders, the shop forgot the notification of %d. A scan found %d of them, and %d were too young to be found. "+
			"Another one found orders that nobody can be told of, %d times. Both ran %d times in all. Enqueued twice: %d. Overlooked: %d. Runs that counted wrong: %d, that failed: %d.",
		s.OrdersCommitted, s.Forgotten, s.Compensated, s.TooYoung, s.Gaps, s.Runs, s.EnqueuedTwice, s.Overlooked, s.Miscounted, s.Failed)
}
