package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/orderbell/orderbell/internal/delivery/sign"
	"github.com/orderbell/orderbell/internal/secret"
)

// signing is what signatures take of a drain.
type signing struct {
	rounds int
	kinds  []signed
}

// signed is one way of signing.
type signed struct {
	kind
	signature string
	policy    string
}

const figUnsigned = "unsigned"

func newSigning(o Options) *signing {
	rows, few := size(o, 60_000, 1_000), size(o, 6_000, 300) // RSA takes about a millisecond each
	of := func(figure, endpoint, signature string, rows int) signed {
		return signed{kind{figure: figure, endpoint: endpoint, count: 1, rows: rows, inFlight: 64}, signature, "standard"}
	}
	m := &signing{rounds: o.times(3), kinds: []signed{
		of(figUnsigned, "unsigned", "none", rows),
		of("standard-webhooks", "standard", "standard-webhooks", rows),
		of("hmac-sha256", "hmac", "hmac-sha256", rows),
		of("alipay-rsa2", "alipay", "alipay-rsa2", few),
		of("wechatpay-v3", "wechat", "wechatpay-v3", few),
	}}
	m.kinds[3].policy = "bench-form"
	return m
}

func (*signing) name() string { return "signing" }

func (m *signing) lines() []line {
	lines := []line{{figure: figUnsigned, unit: "/s"}}
	for _, k := range m.kinds[1:] {
		l := line{figure: k.figure, unit: "/s", yardstick: figUnsigned}
		if k.signature == "standard-webhooks" || k.signature == "hmac-sha256" {
			l.target = ratioAtLeast(0.95)
		}
		lines = append(lines, l, line{figure: costWorker + k.figure, unit: "s", yardstick: costWorker + figUnsigned})
	}
	return lines
}

func (m *signing) take(ctx context.Context, r *rig, b *book) error {
	ring, err := secret.ParseKeys(benchMasterKey)
	if err != nil {
		return err
	}
	if err := r.db.run(ctx, "add a policy", `
		insert into orderbell.policy (name, ladder, acknowledge, format) values ('bench-form', '{1 min}', 'status == 200', 'form')
		on conflict do nothing`); err != nil {
		return err
	}
	for _, k := range m.kinds {
		if err := r.db.endpoints(ctx, k.endpoint, 1, r.answering(0)); err != nil {
			return err
		}
		if err := r.db.sign(ctx, ring, k); err != nil {
			return err
		}
	}
	for round := range m.rounds {
		b.say("round %d of %d", round+1, m.rounds)
		for _, k := range m.kinds {
			if err := m.drain(ctx, r, b, k); err != nil {
				return fmt.Errorf("%s: %w", k.figure, err)
			}
		}
	}
	return nil
}

func (m *signing) drain(ctx context.Context, r *rig, b *book, k signed) error {
	if err := r.db.prepare(ctx, k.endpoint, 1, k.rows); err != nil {
		return err
	}
	d, err := r.drain(ctx, r.db, k.kind)
	if err != nil {
		return err
	}
	if err := r.db.acknowledged(ctx, k.rows); err != nil {
		return err
	}
	b.add(k.figure, d.rate)
	b.add(costWorker+k.figure, per10000(d.worker.cpu, k.rows))
	return nil
}

// benchMasterKey is the master key of every worker that is measured. What it seals is
// thrown away.
const benchMasterKey = "YmVuY2gtbWFzdGVyLWtleS0wMTIzNDU2Nzg5YWJjZGU="

// sign gives an endpoint its scheme and a secret.
func (d *database) sign(ctx context.Context, ring *secret.Keyring, k signed) error {
	id := k.endpoint + "-1"
	if err := d.run(ctx, "name a signature", "update orderbell.endpoint set signature = $2, policy = $3 where id = $1", id, k.signature, k.policy); err != nil {
		return err
	}
	scheme, err := sign.Parse(k.signature)
	if err != nil || !scheme.Signs() {
		return err
	}
	plain, _, err := scheme.Generate()
	if err != nil {
		return fmt.Errorf("make a secret: %w", err)
	}
	keyID, sealed, err := ring.Seal(plain, id, 1)
	if err != nil {
		return err
	}
	return d.run(ctx, "add a secret", `
		insert into orderbell.secret (endpoint, version, key_id, sealed) values ($1, 1, $2, $3)
		on conflict (endpoint, version) do update set key_id = excluded.key_id, sealed = excluded.sealed, created_at = $4`,
		id, keyID, sealed, time.Now())
}
