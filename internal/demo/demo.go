package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/config"
)

// Run plays a scene and says what came of it. It ends early, and in the same
// order, when ctx ends. Where a promise was broken, that is in the summary and
// not in the error. Errors are a *SceneError, a *postgres.SchemaError in the
// scene "shop", and what kept the scene from being played.
func Run(ctx context.Context, o Options) (summary Summary, err error) {
	if o, err = o.checked(); err != nil {
		return Summary{}, err
	}
	screen, said := openScreen(o)
	defer screen.close()
	database, err := openDatabase(ctx, o, said)
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, database.close(ctx)) }()
	p, err := setUp(ctx, o, database, said)
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, p.close(ctx)) }()

	p.announce()
	if err := p.run(ctx, screen); err != nil {
		return Summary{}, err
	}
	summary, example, err := p.account(ctx)
	if err != nil {
		return Summary{}, err
	}
	screen.close()
	return summary, report(o, summary, example)
}

// play is a scene with everything that it needs.
type play struct {
	options  Options
	database *database
	said     io.Writer
	tempers  []temper
	name     string // begins every order number of this run
	began    time.Time
	sold     time.Duration // how long orders were placed

	db        *pgxpool.Pool
	lock      *pgxpool.Conn
	merchants *merchants
	shop      *shop
}

func setUp(ctx context.Context, o Options, d *database, said io.Writer) (_ *play, err error) {
	p := &play{
		options: o, database: d, said: said, tempers: tempers(),
		name: "demo-" + strings.ToLower(rand.Text()[:8]),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close(ctx))
		}
	}()
	if p.db, err = connect(ctx, d.url); err != nil {
		return nil, err
	}
	if p.lock, err = lockOut(ctx, p.db); err != nil {
		return nil, err
	}
	if p.merchants, err = openMerchants(ctx, p.name, p.tempers); err != nil {
		return nil, err
	}
	if err = furnish(ctx, p.db, p.merchants.url, p.tempers); err != nil {
		return nil, err
	}
	log := app.NewLog(said, config.Log{Level: slog.LevelError, Format: config.FormatText})
	p.shop = openShop(p.db, p.name, p.tempers, log)
	return p, nil
}

// close ends the merchants and the connections, as far as they were opened.
func (p *play) close(ctx context.Context) (err error) {
	if p.merchants != nil {
		err = p.merchants.close(ctx)
	}
	if p.lock != nil {
		giveUp(p.lock)
	}
	if p.db != nil {
		p.db.Close()
	}
	return err
}

func (p *play) announce() {
	if p.database.server != nil {
		p.database.announce(p.said)
		return
	}
	say(p.said, "Writes orders into shop.orders, and notifications for the endpoints demo-… under the policy %s; nothing else.\n", policyName)
	say(p.said, "The merchants listen at %s; a worker elsewhere must reach them there, and be allowed to (network.allow).\n", p.merchants.url)
}

// run opens the shop, closes it, lets ladders climb, and stops the worker.
func (p *play) run(ctx context.Context, screen *screen) error {
	p.began = time.Now()
	playing, end := context.WithTimeout(ctx, p.options.For)
	defer end()
	watching, lookAway := context.WithCancel(context.WithoutCancel(ctx))
	var watch sync.WaitGroup
	defer watch.Wait()
	defer lookAway()
	watch.Go(func() { p.watch(watching, playing, screen) })

	var worker *worker
	if p.database.server != nil {
		worker = hire(ctx, p.database.url, p.options.Version, p.said, end)
	}
	selling, closeShop := context.WithTimeout(playing, p.options.selling())
	defer closeShop()
	p.shop.sell(selling)
	p.sold = time.Since(p.began)
	<-playing.Done()
	return worker.stop()
}

// account compares the logs. The database is read before the merchants' log: see
// the package's decisions.
func (p *play) account(ctx context.Context) (Summary, example, error) {
	ctx = context.WithoutCancel(ctx)
	orders := p.shop.log.all()
	standings, err := readStandings(ctx, p.db, p.name, orders)
	if err != nil {
		return Summary{}, example{}, err
	}
	requests := p.merchants.log.all()
	summary := summarize(orders, compare(policyLadder(), orders, requests, standings))
	summary.Scene, summary.Run = p.options.Scene, p.name
	summary.time(p.sold, time.Since(p.began))
	example, err := readExample(ctx, p.db, choose(orders, requests))
	return summary, example, err
}
