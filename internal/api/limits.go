package api

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	perToken, tokenBurst     = 10, 20 // requests a second, and at once
	perAddress, addressBurst = 1, 20  // failed authentications
	mostKeys                 = 10_000 // tokens, and addresses, that are remembered
	mostOfToken              = 4      // requests of a token that are being answered
	mostAnswers              = 32     // answers in memory
)

// limits bounds how often something may happen for each key. What has not happened for a
// while is forgotten, and where there is no room all that are new share one limit.
type limits[K comparable] struct {
	rate  rate.Limit
	burst int

	mu    sync.Mutex
	of    map[K]*rate.Limiter
	rest  *rate.Limiter
	swept time.Time
}

func newLimits[K comparable](perSecond float64, burst int) *limits[K] {
	l := &limits[K]{rate: rate.Limit(perSecond), burst: burst, of: make(map[K]*rate.Limiter)}
	l.rest = rate.NewLimiter(l.rate, burst)
	return l
}

// take counts one; it returns 0, or how long to wait where it is one too many.
func (l *limits[K]) take(key K) time.Duration {
	now := time.Now()
	taken := l.limiter(key, now).ReserveN(now, 1)
	wait := taken.DelayFrom(now)
	if wait > 0 {
		taken.CancelAt(now)
	}
	return wait
}

// spent says how long to wait until there is one to take, without taking it.
func (l *limits[K]) spent(key K) time.Duration {
	l.mu.Lock()
	limiter := l.of[key]
	if limiter == nil && len(l.of) >= mostKeys {
		limiter = l.rest
	}
	l.mu.Unlock()
	if limiter == nil {
		return 0
	}
	missing := 1 - limiter.TokensAt(time.Now())
	return time.Duration(math.Max(0, missing) / float64(l.rate) * float64(time.Second))
}

// known tells whether something has happened for this key of late.
func (l *limits[K]) known(key K) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of[key] != nil
}

func (l *limits[K]) limiter(key K, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if limiter := l.of[key]; limiter != nil {
		return limiter
	}
	if len(l.of) >= mostKeys && now.Sub(l.swept) >= time.Second {
		l.swept = now
		for key, limiter := range l.of {
			if limiter.TokensAt(now) >= float64(l.burst) {
				delete(l.of, key)
			}
		}
	}
	if len(l.of) >= mostKeys {
		return l.rest
	}
	limiter := rate.NewLimiter(l.rate, l.burst)
	l.of[key] = limiter
	return limiter
}

// places bounds what goes on at the same time for each key.
type places[K comparable] struct {
	most int
	mu   sync.Mutex
	busy map[K]int
}

// enter takes a place, to be left; false where none is free.
func (p *places[K]) enter(key K) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy[key] >= p.most {
		return false
	}
	p.busy[key]++
	return true
}

func (p *places[K]) leave(key K) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy[key]--; p.busy[key] == 0 {
		delete(p.busy, key)
	}
}
