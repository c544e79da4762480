package demo

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// notify is the scene in which merchants are told of payments: a notification is written
// with each order, and sent on a ladder until the merchant acknowledges it.
type notify struct {
	*stage
	tempers   []temper
	merchants *merchants
	shop      *shop
}

// NotifySummary is what came of the scene notify.
type NotifySummary struct {
	Figures
	// OrdersPerSecond counts the committed ones, while the shop was open.
	OrdersPerSecond float64 `json:"orders_per_second"`
	OK              bool    `json:"ok"`
}

func openNotify(ctx context.Context, s *stage) (scene, error) {
	n := &notify{stage: s, tempers: tempers()}
	var err error
	if n.merchants, err = openMerchants(ctx, s.name, n.tempers); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, n.merchants.close)
	n.shop = openShop(s.db, s.name, n.tempers, s.complaints)
	s.notify = n
	return n, nil
}

func (n *notify) furnish(ctx context.Context, tx pgx.Tx) error {
	for _, t := range n.tempers {
		if err := writeEndpoint(ctx, tx, t.endpoint, n.merchants.url+"/"+t.endpoint, policyName); err != nil {
			return err
		}
	}
	return nil
}

func (n *notify) play(selling, _ context.Context) { n.shop.sell(selling) }

// line is empty: the picture has more room for this one.
func (n *notify) line(context.Context) string { return "" }

func (n *notify) account(ctx context.Context, s *Summary) (logs, error) {
	figures, _, logs, err := n.compared(ctx, n.name+"-", policyLadder(), n.shop.log.all(), n.merchants.log.all)
	if err != nil {
		return logs, err
	}
	s.add(figures)
	if n.options.Scene != sceneShop {
		s.Scenes.Notify = &NotifySummary{Figures: figures, OrdersPerSecond: perSecond(figures.OrdersCommitted, n.sold), OK: figures.kept()}
	}
	return logs, nil
}
