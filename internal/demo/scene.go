package demo

import (
	"context"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"
)

// The scenes. sceneAll is all of them at once, but for sceneShop.
const (
	sceneAll      = "all"
	sceneNotify   = "notify"
	scenePush     = "push"
	sceneQuestion = "question"
	sceneClose    = "close"
	sceneScan     = "scan"
	// sceneShop is the shop and the merchants alone, on somebody's database.
	sceneShop = "shop"
)

// parts are the scenes that make up sceneAll.
func parts() []string { return []string{sceneNotify, scenePush, sceneQuestion, sceneClose, sceneScan} }

// scene is one of the things that a business does with Orderbell.
type scene interface {
	// furnish writes its policies, endpoints and hooks.
	furnish(ctx context.Context, tx pgx.Tx) error
	// play places orders until selling ends, and goes on with them until playing ends.
	play(selling, playing context.Context)
	// line says how it stands now; empty where the picture shows it otherwise.
	line(ctx context.Context) string
	// account compares the logs, when all is over, and writes the scene's part of the
	// summary.
	account(ctx context.Context, s *Summary) (logs, error)
}

// logs are what a scene can tell an example from.
type logs struct {
	orders   []order
	requests []request
}

// openScenes opens the servers of those that are played.
func (s *stage) openScenes(ctx context.Context) error {
	open := map[string]func(context.Context, *stage) (scene, error){
		sceneNotify: openNotify, scenePush: openPush, sceneQuestion: openQuestion, sceneClose: openClose, sceneScan: openScan,
	}
	for _, name := range s.options.parts() {
		scene, err := open[name](ctx, s)
		if err != nil {
			return err
		}
		s.scenes = append(s.scenes, scene)
	}
	return nil
}

// parts are the scenes that are played.
func (o Options) parts() []string {
	switch o.Scene {
	case sceneAll:
		return parts()
	case sceneShop:
		return []string{sceneNotify}
	}
	return []string{o.Scene}
}

func known(scene string) bool {
	return scene == sceneAll || scene == sceneShop || slices.Contains(parts(), scene)
}

// sentences writes what is true of a scene, and the promises that it has broken.
func sentences(to io.Writer, scene string, broken []string, format string, args ...any) {
	say(to, "\n"+scene+": "+format+"\n", args...)
	for _, promise := range broken {
		say(to, "  BROKEN: %s\n", promise)
	}
}
