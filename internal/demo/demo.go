package demo

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/secret"
)

// Run plays a scene and says what came of it. It ends early, and in the same
// order, when ctx ends. Where a promise was broken, that is in the summary and
// not in the error. Errors are a *SceneError, a *postgres.SchemaError in the
// scene "shop", and what kept the scene from being played.
func Run(ctx context.Context, o Options) (summary Summary, err error) {
	if o, err = o.checked(); err != nil {
		return Summary{}, err
	}
	screen, to := openScreen(o)
	said := &inTurn{to: to}
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

// stage is where scenes play, on one database and with one worker.
type stage struct {
	options    Options
	database   *database
	said       io.Writer
	complaints *complaints
	name       string // begins every order number of this run
	began      time.Time
	sold       time.Duration // how long orders were placed
	keyring    *secret.Keyring

	db      *pgxpool.Pool
	lock    *pgxpool.Conn
	closers []func(context.Context) error

	scenes []scene
	scans  []config.Scan
	notify *notify // nil where it is not played
}

func setUp(ctx context.Context, o Options, d *database, said io.Writer) (_ *stage, err error) {
	log := app.NewLog(said, config.Log{Level: slog.LevelError, Format: config.FormatText})
	s := &stage{
		options: o, database: d, said: said, complaints: &complaints{log: log},
		name: "demo-" + strings.ToLower(rand.Text()[:8]),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(ctx))
		}
	}()
	if s.keyring, err = newKeyring(); err != nil {
		return nil, err
	}
	if s.db, err = connect(ctx, d.url); err != nil {
		return nil, err
	}
	if s.lock, err = lockOut(ctx, s.db); err != nil {
		return nil, err
	}
	if err = s.openScenes(ctx); err != nil {
		return nil, err
	}
	return s, s.furnish(ctx)
}

// newKeyring has one master key, which lives as long as the demo.
func newKeyring() (*secret.Keyring, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	ring, err := secret.ParseKeys(base64.StdEncoding.EncodeToString(key))
	if err != nil {
		return nil, fmt.Errorf("make a master key: %w", err)
	}
	return ring, nil
}

// close ends the servers and the connections, as far as they were opened.
func (s *stage) close(ctx context.Context) (err error) {
	for _, closer := range slices.Backward(s.closers) {
		err = errors.Join(err, closer(ctx))
	}
	if s.lock != nil {
		giveUp(s.lock)
	}
	if s.db != nil {
		s.db.Close()
	}
	return err
}

func (s *stage) announce() {
	if s.database.server != nil {
		s.database.announce(s.said)
		return
	}
	say(s.said, "Writes orders into shop.orders, and notifications for the endpoints demo-… under the policy %s; nothing else.\n", policyName)
	say(s.said, "The merchants listen at %s; a worker elsewhere must reach them there, and be allowed to (network.allow).\n", s.notify.merchants.url)
}

// run opens the shop, closes it, lets ladders climb, and stops the worker.
func (s *stage) run(ctx context.Context, screen *screen) error {
	s.began = time.Now()
	playing, end := context.WithTimeout(ctx, s.options.For)
	defer end()
	watching, lookAway := context.WithCancel(context.WithoutCancel(ctx))
	var watch sync.WaitGroup
	defer watch.Wait()
	defer lookAway()
	watch.Go(func() { s.watch(watching, playing, screen) })

	var worker *worker
	if s.database.server != nil {
		worker = s.hire(ctx, end)
	}
	selling, closeShop := context.WithTimeout(playing, s.options.selling())
	defer closeShop()
	var plays sync.WaitGroup
	for _, scene := range s.scenes {
		plays.Go(func() { scene.play(selling, playing) })
	}
	<-selling.Done()
	s.sold = time.Since(s.began)
	plays.Wait()
	<-playing.Done()
	return worker.stop()
}

// account compares the logs of every scene.
func (s *stage) account(ctx context.Context) (Summary, example, error) {
	ctx = context.WithoutCancel(ctx)
	summary := Summary{Scene: s.options.Scene, Run: s.name}
	var tell logs
	for i, scene := range s.scenes {
		of, err := scene.account(ctx, &summary)
		if err != nil {
			return Summary{}, example{}, err
		}
		if i == 0 {
			tell = of
		}
	}
	summary.time(s.sold, time.Since(s.began))
	example, err := readExample(ctx, s.db, choose(tell.orders, tell.requests))
	return summary, example, err
}

// compared reads where a scene's notifications stand, and compares.
//
// The database is read before the requests: see the package's decisions.
func (s *stage) compared(ctx context.Context, run string, ladder outbox.Ladder, orders []order, requests func() []request) (Figures, []standing, logs, error) {
	standings, err := readStandings(ctx, s.db, run, orders)
	if err != nil {
		return Figures{}, nil, logs{}, err
	}
	received := requests()
	return summarize(orders, compare(ladder, orders, received, standings)), standings, logs{orders, received}, nil
}
