package demo

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
)

const defaultFor = 30 * time.Second

// Options say what is played, and where it is told.
type Options struct {
	// For is how long the scene plays, from the first order on; 30 s if it is 0.
	// Starting and stopping come on top.
	For time.Duration
	// Scene is "notify", "push", "question", "close" or "scan"; "all" for these at once, or empty;
	// "shop" for the shop and the merchants of "notify" alone.
	Scene string
	// JSON leaves nothing on Out but one object at the end.
	JSON bool
	// Out gets the summary, and before it the live view if it is a terminal. Err
	// gets everything else. Nil: nobody reads it.
	Out, Err io.Writer
	// Version is sent by the worker as User-Agent: orderbell/VERSION.
	Version string
	// DatabaseURL is the database of the scene "shop", migrated already. The other
	// scenes never look at it.
	DatabaseURL string
}

// A SceneError says that there is no scene of this name.
type SceneError struct{ Scene string }

func (e *SceneError) Error() string {
	return fmt.Sprintf("unknown scene %q; the scenes are: %s, %s (all of these at once), and %s (the shop and the merchants of %s alone, on a database of yours)",
		e.Scene, strings.Join(parts(), ", "), sceneAll, sceneShop, sceneNotify)
}

// checked fills in what was left out.
func (o Options) checked() (Options, error) {
	o.Scene = cmp.Or(o.Scene, sceneAll)
	if !known(o.Scene) {
		return o, &SceneError{Scene: o.Scene}
	}
	if o.Scene == sceneShop && strings.TrimSpace(o.DatabaseURL) == "" {
		return o, fmt.Errorf("play the scene %s: it needs a database with Orderbell's schema; set ORDERBELL_DATABASE_URL", sceneShop)
	}
	if o.For < 0 {
		return o, fmt.Errorf("play for %s: the time must be above 0", o.For)
	}
	o.For = cmp.Or(o.For, defaultFor)
	o.Version = cmp.Or(o.Version, "dev")
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Err == nil {
		o.Err = io.Discard
	}
	return o, nil
}

// selling is for how long orders are placed.
func (o Options) selling() time.Duration { return o.For * 2 / 3 }
