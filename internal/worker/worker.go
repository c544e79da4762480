package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// Looks finds what is due.
type Looks interface {
	Look(ctx context.Context, since time.Time) (outbox.Look, error)
	FullLook(ctx context.Context) (outbox.Look, error)
	Lapsed(ctx context.Context) ([]outbox.Lapse, error)
	Queue(ctx context.Context) (moved int, err error)
}

// Claims leases rows and fetches what to send.
type Claims interface {
	Claim(ctx context.Context, lanes []outbox.Lane, policies, signing []string) ([]*outbox.Claim, error)
	Reclaim(ctx context.Context, lanes []outbox.Lane) ([]*outbox.Claim, error)
	Fill(ctx context.Context, claims []*outbox.Claim) (gone []*outbox.Claim, err error)
}

// Settles writes results and keeps leases alive.
type Settles interface {
	Settle(ctx context.Context, batch []*outbox.Settlement) (moved []outbox.Settled, held []*outbox.Settlement, err error)
	Renew(ctx context.Context, claims []*outbox.Claim) ([]outbox.ID, error)
}

// Alone settles single rows, together with the functions of the database that must be called
// in the same transaction: actions and hooks.
type Alone interface {
	SettleAlone(ctx context.Context, s *outbox.Settlement) (went outbox.Settled, held bool, err error)
	Act(ctx context.Context, s *outbox.Settlement, action string) (went outbox.Settled, held bool, err error)
	Owed(ctx context.Context) ([]outbox.Owed, error)
	CallOwed(ctx context.Context, owed outbox.Owed, policy *outbox.Policy) (went outbox.Settled, err error)
}

// Register reads endpoints and policies.
type Register interface {
	Policies(ctx context.Context) ([]*outbox.Policy, error)
	Endpoints(ctx context.Context, ids []string) ([]*outbox.Endpoint, error)
	FaultyEndpoints(ctx context.Context, after string) ([]string, error)
	Parking
}

// Parking writes down why rows are parked; nothing where they are not.
type Parking interface {
	SetFault(ctx context.Context, p *outbox.Policy, fault string) error
	SetEndpointFault(ctx context.Context, id, fault string) error
}

// Limits keeps what workers may do to endpoints together, and which breakers are open.
type Limits interface {
	Reserve(ctx context.Context, wants []outbox.Want) ([]outbox.Grant, error)
	Probe(ctx context.Context, endpoints []string, within time.Duration) (won []string, err error)
	Break(ctx context.Context, changes []outbox.Breaking) error
}

// Bell wakes a sleeping worker, and tells how often endpoints or policies have changed, as
// far as it has heard.
type Bell interface {
	Rung() <-chan struct{}
	Changes() uint64
	Live() bool
	Sleep()
	Wake()
}

// Courier talks to endpoints.
type Courier interface {
	Check(p *outbox.Policy) error
	CheckEndpoint(e *outbox.Endpoint, p *outbox.Policy) error
	Deliver(ctx context.Context, claim *outbox.Claim) outbox.Result
	DeliverBatch(ctx context.Context, claims []*outbox.Claim) []outbox.Result
}

// Parts are what a worker works with.
type Parts struct {
	Looks    Looks
	Claims   Claims
	Settles  Settles
	Alone    Alone
	Register Register
	Limits   Limits
	Bell     Bell
	Courier  Courier
}

// Options say how a worker works.
type Options struct {
	Name string
	// Concurrency is how many requests are in flight at once, at least 1; those that take
	// over a second do not count, up to four times as many.
	Concurrency int
	// ShutdownTimeout is how long requests in flight may go on after Run has been
	// told to stop.
	ShutdownTimeout time.Duration
	// Lease is how long a claimed row is ours; the same that claims ask for.
	Lease time.Duration
	// Paused: nothing is claimed, and so nothing is sent.
	Paused bool
	Log    *slog.Logger
}

// Worker delivers what is due.
type Worker struct {
	Parts
	Options

	lanes     lanes
	suspects  suspects
	doubt     doubt
	schedule  schedule
	directory *directory
	slots     *slots
	limits    *limits
	breakers  *breakers
	network   *network
	settler   *settler
	turns     *turns
	alone     *alone
	hooks     *hooks
	leases    *leases
	faults    *faults
	looks     sync.WaitGroup // full looks
	clock     clock
	full      chan fullLook // what one has found, once it is over
	fulls     []fullLook    // that were taken from full, one at the most
	changes   uint64        // of endpoints and policies, when they were last heard of
	asked     time.Time     // when lanes at rest were last asked about, where nothing is heard

	claimed  chan []errand
	errands  chan errand
	carriers sync.WaitGroup
}

// New makes a worker; Run sets it to work.
func New(parts Parts, options Options) *Worker {
	faults := &faults{log: options.Log}
	slots := newSlots(options.Concurrency)
	limits := newLimits(parts.Limits, options.Lease, slots.inFlight)
	leases := newLeases(parts.Settles, limits, options.Lease, faults)
	directory := newDirectory(parts.Register, parts.Courier, options.Log)
	reporter := newReporter(options.Log)
	turns := newTurns()
	return &Worker{
		Parts: parts, Options: options,
		directory: directory,
		slots:     slots,
		limits:    limits,
		breakers:  newBreakers(parts.Limits, options.Concurrency, faults, options.Log),
		network:   &network{log: options.Log},
		leases:    leases,
		full:      make(chan fullLook, 1),
		settler:   newSettler(parts.Settles, leases, reporter, faults),
		turns:     turns,
		alone:     newAlone(parts.Alone, turns, leases, reporter, faults),
		hooks:     newHooks(parts.Alone, turns, reporter, faults),
		faults:    faults,
		claimed:   make(chan []errand, 1),
		errands:   make(chan errand),
	}
}

// Run delivers until ctx ends. Then it claims no more, lets requests in flight
// finish for up to ShutdownTimeout, or until hurry is closed, hands the others
// back, and returns when every result is settled, or the leases have ended.
func (w *Worker) Run(ctx context.Context, hurry <-chan struct{}) {
	outliving, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	delivering, interrupt := context.WithCancel(outliving)
	defer interrupt()

	var background sync.WaitGroup
	background.Go(func() { w.leases.run(outliving) })
	background.Go(func() { w.breakers.run(outliving) })
	background.Go(func() { w.hooks.run(ctx) })
	settled := make(chan struct{})
	background.Go(func() {
		defer close(settled)
		var settling sync.WaitGroup
		settling.Go(func() { w.settler.run(outliving) })
		settling.Go(func() { w.alone.run(outliving) })
		settling.Wait()
	})

	var sending sync.WaitGroup
	sending.Go(func() { w.send(ctx, delivering) })

	if w.Paused {
		<-ctx.Done()
	}
	w.work(ctx)
	w.looks.Wait()

	close(w.claimed)
	sending.Wait()
	w.finish(hurry, interrupt)
	w.settler.close()
	w.alone.close()
	select {
	case <-settled:
	case <-time.After(w.Lease):
		w.Log.Error("stopping with results that could not be settled; they will be recorded as unknown",
			keyRows, w.settler.waiting()+w.alone.waiting())
	}
	end()
	background.Wait()
}

// work is the way of every row: wait, look, claim; each claim is then sent.
func (w *Worker) work(ctx context.Context) {
	for ctx.Err() == nil {
		w.gatherLanes()
		if !w.look(ctx) {
			continue
		}
		if w.nothingToServe() && !w.suspects.waiting() {
			w.nothingToClaim()
			w.sleep(ctx)
			continue
		}
		w.Bell.Wake()
		claimed, waited := w.serve(ctx)
		if claimed+w.claimSuspect(ctx) == 0 && !waited {
			w.wait(ctx, w.restAfterNothing())
		}
	}
}

// gatherLanes puts lanes back into the round that were full, or whose rest is over.
func (w *Worker) gatherLanes() {
	changes := w.Bell.Changes()
	changed := changes != w.changes
	w.changes = changes
	if changed {
		w.directory.expireAll()
		w.schedule.needed = true
	}
	now := time.Now()
	// Where nobody tells us of changes, what rests is asked about now and then.
	if asks := !w.Bell.Live() && now.Sub(w.asked) >= stale; asks {
		changed, w.asked = true, now
	}
	freed := w.slots.freedLanes()
	for _, l := range []*lanes{&w.lanes, &w.suspects.lanes} {
		l.readmit(freed)
		l.wake(now, changed)
	}
}

// nothingToServe tells that no lane may be served now: there is none, or no slow slot for
// those that are slow.
func (w *Worker) nothingToServe() bool {
	return len(w.lanes.prompt) == 0 && (len(w.lanes.slow) == 0 || !w.slots.slowRoom())
}

// restAfterNothing is how long to wait where nothing could be claimed.
func (w *Worker) restAfterNothing() time.Duration {
	if w.network.isDown() {
		return restWithoutNetwork
	}
	return restAfterNothing
}

// nothingToClaim ends the faults of claims and fetches that need not be tried again.
func (w *Worker) nothingToClaim() {
	w.faults.meet("claim", nil)
	w.faults.meet("fetch", nil)
}

// finish waits for the requests in flight, and ends them when their time is up.
func (w *Worker) finish(hurry <-chan struct{}, interrupt func()) {
	close(w.errands)
	finished := make(chan struct{})
	go func() { defer close(finished); w.carriers.Wait() }()
	timeout := time.NewTimer(w.ShutdownTimeout)
	defer timeout.Stop()
	select {
	case <-finished:
	case <-timeout.C:
	case <-hurry:
	}
	interrupt()
	<-finished
}
