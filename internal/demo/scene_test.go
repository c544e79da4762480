package demo_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/demo"
)

// alone plays one scene for some seconds, on a Postgres and with a worker of its own.
func alone(t *testing.T, scene string) demo.Summary {
	t.Helper()
	var out, errs bytes.Buffer
	s, err := demo.Run(t.Context(), demo.Options{Scene: scene, For: 8 * time.Second, JSON: true, Out: &out, Err: &errs})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(out.String(), errs.String())
	if !s.OK() || s.Lost != 0 || s.SentForRolledBack != 0 {
		t.Error("a promise was broken")
	}
	if s.OrdersCommitted == 0 || s.OrdersRolledBack == 0 || s.Notifications == 0 ||
		s.Acknowledged+s.Unfinished+s.Exhausted+s.Withdrawn+s.Lost != s.Notifications {
		t.Error("the figures do not add up")
	}
	var told struct {
		Scenes map[string]struct {
			OK     bool `json:"ok"`
			Orders int  `json:"orders_committed"`
		} `json:"scenes"`
	}
	if err := json.Unmarshal(out.Bytes(), &told); err != nil {
		t.Fatal(err)
	}
	if len(told.Scenes) != 1 || !told.Scenes[scene].OK || told.Scenes[scene].Orders != s.OrdersCommitted {
		t.Errorf("scenes has %+v", told.Scenes)
	}
	return s
}

func TestScenePush(t *testing.T) {
	t.Parallel()
	s := alone(t, "push").Scenes.Push
	if s.Pushed == 0 || s.Held == 0 || s.Superseded == 0 || s.WaitingForDown == 0 || s.P99 == 0 {
		t.Errorf("too little happened: %+v", s)
	}
	if s.SentBeforeRelease+s.OutOfOrder > 0 {
		t.Errorf("%+v", s)
	}
}

func TestSceneQuestion(t *testing.T) {
	t.Parallel()
	s := alone(t, "question").Scenes.Question
	if s.Attempts == 0 || s.HookCalls == 0 || s.Paid == 0 || s.Closed == 0 || s.Withdrawn == 0 {
		t.Errorf("too little happened: %+v", s)
	}
	if s.HookedTwice+s.HookMissed+s.Wrong+s.PaidAndClosed > 0 {
		t.Errorf("%+v", s)
	}
}

func TestSceneClose(t *testing.T) {
	t.Parallel()
	s := alone(t, "close").Scenes.Close
	if s.Paid == 0 || s.Closed == 0 || s.Raced == 0 || s.Withdrawn == 0 {
		t.Errorf("too little happened: %+v", s)
	}
	if s.PaidAndClosed+s.ClosedTwice+s.ClosedEarly+s.Refused > 0 {
		t.Errorf("%+v", s)
	}
}

func TestSceneNotify(t *testing.T) {
	t.Parallel()
	if s := alone(t, "notify").Scenes.Notify; s.Acknowledged == 0 || s.Attempts < s.Acknowledged || s.OrdersPerSecond == 0 {
		t.Errorf("too little happened: %+v", s)
	}
}

func TestSceneScan(t *testing.T) {
	t.Parallel()
	s := alone(t, "scan").Scenes.Scan
	if s.Forgotten == 0 || s.Compensated == 0 || s.Gaps == 0 || s.Runs == 0 || s.Acknowledged == 0 {
		t.Errorf("too little happened: %+v", s)
	}
	if s.Overlooked+s.EnqueuedTwice+s.Miscounted+s.Failed > 0 {
		t.Errorf("%+v", s)
	}
}
