package model_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// inHand is an attempt that a worker has in hand: its claim, and its result once
// there is one.
type inHand struct {
	outbox.Settlement
	lapse bool // somebody's, whose lease has ended
}

// work makes a step of a worker, with the calls that internal/worker makes.
func (s *sequence) work(does step) (said reply) {
	s.t.Helper()
	switch does.kind {
	case claim:
		said.claims = s.claim(does)
	case reclaim:
		said.claims = s.reclaim(does.worker)
	case find:
		said.claims = s.find(does.worker)
	case answer:
		s.answer(does)
	case settle:
		if does.outcome != "" {
			s.answer(does)
		}
		said = s.settle(does)
	case renew:
		said.rows = s.renew(does.worker)
	case crash:
		clear(s.hands[does.worker])
		if err := s.start(s.t.Context(), does.worker); err != nil {
			s.t.Fatalf("%s: %v", does, err)
		}
	default:
		s.t.Fatalf("nobody knows how to %s", does)
	}
	return said
}

func (s *sequence) row(id outbox.ID) int { return slices.Index(s.ids, id) }

// describe says what claims say, in the order of the notifications.
func (s *sequence) describe(claims []*outbox.Claim) (all []claimed) {
	for _, c := range claims {
		all = append(all, claimed{token{s.row(c.ID), c.Attempt}, c.Rung, c.Unknowns})
	}
	slices.SortFunc(all, func(a, b claimed) int { return cmp.Compare(a.row, b.row) })
	return all
}

// lease makes leases last until a step ends them, however slow this machine is.
func (s *sequence) lease(ids []outbox.ID) {
	s.t.Helper()
	if len(ids) > 0 {
		s.exec("update orderbell.delivery set leased_until = now() + interval '50 s' where notification_id = any ($1) and leased_until > now()", ids)
	}
}

func (s *sequence) claim(does step) []claimed {
	s.t.Helper()
	// Suspect rows are asked for in a lane of their own.
	lane := outbox.Lane{Endpoint: s.endpoint(does.endpoint), Take: does.take, Sendable: true}
	suspects := lane
	suspects.Suspects = true
	var claims []*outbox.Claim
	for _, lane := range []outbox.Lane{lane, suspects} {
		lane.Take -= len(claims)
		more, err := s.workers[does.worker].Claim(s.t.Context(), []outbox.Lane{lane}, nil, nil)
		if err != nil {
			s.t.Fatalf("%s: %v", does, err)
		}
		claims = append(claims, more...)
	}
	var ids []outbox.ID
	for _, c := range claims {
		ids = append(ids, c.ID)
		if does.hearing == heard {
			s.hold(does.worker, c)
		}
	}
	s.lease(ids)
	return s.describe(claims)
}

// hold takes an attempt in hand, if it is not there already.
func (s *sequence) hold(worker int, c *outbox.Claim) {
	t := token{s.row(c.ID), c.Attempt}
	if s.hands[worker][t] == nil {
		s.hands[worker][t] = &inHand{Settlement: outbox.Settlement{Claim: c, Worker: fmt.Sprintf("w-%d", worker), Began: time.Now()}}
	}
}

func (s *sequence) reclaim(worker int) []claimed {
	s.t.Helper()
	var lanes []outbox.Lane
	for n := 1; n <= s.endpoints; n++ {
		lanes = append(lanes, outbox.Lane{Endpoint: s.endpoint(n), Sendable: true})
	}
	claims, err := s.workers[worker].Reclaim(s.t.Context(), lanes)
	if err != nil {
		s.t.Fatalf("reclaim: %v", err)
	}
	for _, c := range claims {
		s.hold(worker, c)
	}
	return s.describe(claims)
}

// find looks for ended leases, and makes results of them.
func (s *sequence) find(worker int) []claimed {
	s.t.Helper()
	lapses, err := s.workers[worker].Lapsed(s.t.Context())
	if err != nil {
		s.t.Fatalf("find: %v", err)
	}
	var claims []*outbox.Claim
	for _, lapse := range lapses {
		claims = append(claims, lapse.Claim)
		t := token{s.row(lapse.Claim.ID), lapse.Claim.Attempt}
		if s.hands[worker][t] == nil {
			s.hands[worker][t] = &inHand{lapse: true, Settlement: outbox.Settlement{
				Claim: lapse.Claim, Worker: lapse.Worker, Began: time.Now().Add(-lapse.Ago),
			}}
			s.conclude(s.hands[worker][t], result{outcome: outbox.OutcomeUnknown})
		}
	}
	return s.describe(claims)
}

// conclude gives an attempt its result, and the verdict of the rules.
func (s *sequence) conclude(h *inHand, r result) {
	h.Result = outbox.Result{Outcome: r.outcome, RetryAfter: time.Duration(r.retryAfter) * time.Hour}
	h.Verdict = s.policy.Judge(h.Claim, h.Result)
}

func (s *sequence) answer(does step) {
	s.conclude(s.hands[does.worker][does.of[0]], result{outcome: does.outcome, retryAfter: does.retryAfter})
}

func (s *sequence) settle(does step) (said reply) {
	s.t.Helper()
	var batch []*outbox.Settlement
	for _, of := range does.of {
		batch = append(batch, &s.hands[does.worker][of].Settlement)
	}
	if does.hearing == lost {
		for _, h := range batch {
			h.Sent = true
		}
		return reply{}
	}
	went, still, err := s.workers[does.worker].Settle(s.t.Context(), batch)
	if err != nil {
		return reply{failed: err.Error()}
	}
	for _, w := range went {
		said.moved = append(said.moved, moved{s.row(w.ID), w.State})
	}
	slices.SortFunc(said.moved, func(a, b moved) int { return cmp.Compare(a.row, b.row) })
	for _, h := range still {
		said.held = append(said.held, s.row(h.Claim.ID))
	}
	slices.Sort(said.held)
	for i, of := range does.of {
		if does.hearing == heard && !slices.Contains(still, batch[i]) {
			delete(s.hands[does.worker], of)
		}
	}
	return said
}

// renew renews what the worker has in hand: of a notification, the attempt that it
// took last.
func (s *sequence) renew(worker int) (rows []int) {
	s.t.Helper()
	latest := make(map[outbox.ID]*outbox.Claim)
	for _, h := range s.hands[worker] {
		if known := latest[h.Claim.ID]; !h.lapse && (known == nil || known.Attempt < h.Claim.Attempt) {
			latest[h.Claim.ID] = h.Claim
		}
	}
	var claims []*outbox.Claim
	for _, c := range latest {
		claims = append(claims, c)
	}
	slices.SortFunc(claims, func(a, b *outbox.Claim) int { return cmp.Compare(s.row(a.ID), s.row(b.ID)) })
	ids, err := s.workers[worker].Renew(s.t.Context(), claims)
	if err != nil {
		s.t.Fatalf("renew: %v", err)
	}
	s.lease(ids)
	for _, id := range ids {
		rows = append(rows, s.row(id))
	}
	slices.Sort(rows)
	return rows
}
