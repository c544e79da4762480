package app

import (
	"cmp"
	"log/slog"

	"github.com/orderbell/orderbell/internal/postgres"
)

// tellHearing says in one line which way of waking is live, and what to do where it
// is not the one that was meant.
func tellHearing(log *slog.Logger) func(postgres.Hearing) {
	const straight = "let database.listen_url lead straight to the database of database.url, without a pooler in transaction mode"
	const everySecond = "the worker looks for due rows every second"
	return func(hearing postgres.Hearing) {
		switch {
		case hearing.Wake == postgres.WakeBell:
			log.Info("commits wake the worker", "wake", hearing.Wake)
		case hearing.Unheard == "":
			log.Info(everySecond, "wake", hearing.Wake,
				"reason", "orderbell.setting asks for it; orderbell wake bell changes that")
		default:
			log.Info(everySecond, "wake", hearing.Wake, "reason", "the bell cannot be heard: "+hearing.Unheard,
				"remedy", cmp.Or(hearing.Remedy, straight))
		}
	}
}
