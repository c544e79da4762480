package chaos_test

import (
	"math/rand/v2"
	"time"
)

// kind is something that a step may do. do returns false where it cannot be done now,
// such as cutting off who is cut off already.
type kind struct {
	name string
	// What it begins lasts between least and most. Short ones are likelier.
	least, most time.Duration
	do          func(*storm, step) bool
}

func kinds() []kind {
	const second = time.Second
	return []kind{
		{"kill a worker", second / 2, 5 * second, (*storm).kill},
		{"kill a worker in a calm", second / 2, 5 * second, (*storm).killInCalm},
		{"freeze a worker", second, 12 * second, (*storm).freeze},
		{"stop a worker", second / 10, second, (*storm).stop},
		{"stop a worker twice", second / 10, second, (*storm).stopTwice},
		{"kill a backend", 0, 0, (*storm).killBackend},
		{"immediate restart", second / 10, 4 * second, (*storm).immediateRestart},
		{"fast restart", 0, 0, (*storm).fastRestart},
		{"kill a worker while the database is down", second / 10, 4 * second, (*storm).killWhileDown},
		{"stop a worker while the database is down", second / 10, 4 * second, (*storm).stopWhileDown},
		{"terminate a backend", 0, 0, (*storm).terminateOne},
		{"terminate all backends of a worker", 0, 0, (*storm).terminateAll},
		{"lock a table", second / 2, 9 * second, (*storm).lock},
		{"hold a transaction open", 5 * second, 20 * second, (*storm).hold},
		{"delay", second, 6 * second, (*storm).delay},
		{"drop what the database says", second, 10 * second, (*storm).dropToClient},
		{"drop what the worker says", second, 10 * second, (*storm).dropToServer},
		{"half-open", second, 10 * second, (*storm).halfOpen},
		{"vanish", second, 10 * second, (*storm).vanish},
		{"reset", 0, 0, (*storm).reset},
		{"refuse", second, 10 * second, (*storm).refuse},
		{"kill the shop", second / 5, 2 * second, (*storm).killShop},
		{"cancel orders", 0, 0, (*storm).cancel},
	}
}

// step is what was drawn.
type step struct {
	kind          kind
	place, choice int
	length, pause time.Duration
}

// deck draws steps. Every kind comes before any comes in the next round, so that none
// is missed in a run of some length.
type deck struct {
	rng   *rand.Rand
	scale float64
	left  []kind
}

func newDeck(seed uint64, scale float64) *deck {
	return &deck{rng: rand.New(rand.NewPCG(seed, 0)), scale: scale}
}

func (d *deck) draw() step {
	if len(d.left) == 0 {
		d.left = kinds()
		d.rng.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}
	s := step{kind: d.left[0], place: d.rng.IntN(places), choice: d.rng.IntN(1 << 20)}
	d.left = d.left[1:]
	u := d.rng.Float64()
	s.length = d.scaled(s.kind.least + time.Duration(u*u*float64(s.kind.most-s.kind.least)))
	s.pause = d.scaled(200*time.Millisecond + time.Duration(d.rng.Float64()*float64(2*time.Second)))
	return s
}

func (d *deck) scaled(t time.Duration) time.Duration { return time.Duration(d.scale * float64(t)) }
