#!/bin/sh
# github.com/robfig/cron/v3 v3.0.1, the scheduler inside Argo Workflows and many others.
#
# Guess before running: Schedule.Next(t) is always later than t, whatever the clocks do; it returns the zero time
# where there is none.
#
# Seen, asking around the night in which the clocks are set back:
#   - Pacific/Chatham, "0 3 * * *" (three o'clock each day), after 2026-04-04T13:59:59Z: 2026-04-04T13:15:00Z, which is
#     three quarters of an hour EARLIER. At 14:00Z a quarter to four becomes a quarter to three there, so the next three
#     o'clock by the wall is at 14:15Z.
#   - Europe/Berlin, "30 2 * * *", after 2026-10-25T00:45:00Z: 01:30Z, the half past two that comes again. Later, as
#     guessed.
#   - Australia/Lord_Howe (set back by half an hour), "30 1 * * *", after 2026-04-04T15:10:00Z: the next day's.
# Chatham's clocks are set back within an hour, not at its begin. Who asks for "the next time after now" gets one that
# is over already.
#
# Fails if this changes. Needs Go and its module proxy.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >go.mod <<'MOD'
module ask

go 1.20

require github.com/robfig/cron/v3 v3.0.1
MOD
cat >main.go <<'GO'
package main

import (
	"fmt"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

func main() {
	for _, one := range [][3]string{
		{"Pacific/Chatham", "0 3 * * *", "2026-04-04T13:59:59Z"},
		{"Australia/Lord_Howe", "30 1 * * *", "2026-04-04T15:10:00Z"},
		{"Europe/Berlin", "30 2 * * *", "2026-10-25T00:45:00Z"},
	} {
		zone, err := time.LoadLocation(one[0])
		if err != nil {
			panic(err)
		}
		schedule, err := cron.ParseStandard(one[1])
		if err != nil {
			panic(err)
		}
		after, err := time.Parse(time.RFC3339, one[2])
		if err != nil {
			panic(err)
		}
		next := schedule.Next(after.In(zone))
		fmt.Println(one[0], one[1], "after", one[2], "is", next.UTC().Format(time.RFC3339), "later:", next.After(after))
	}
}
GO
GOFLAGS=-mod=mod go run . 2>log >seen || { cat log; exit 1; }
cat seen
cat >expected <<'TEXT'
Pacific/Chatham 0 3 * * * after 2026-04-04T13:59:59Z is 2026-04-04T13:15:00Z later: false
Australia/Lord_Howe 30 1 * * * after 2026-04-04T15:10:00Z is 2026-04-05T15:00:00Z later: true
Europe/Berlin 30 2 * * * after 2026-10-25T00:45:00Z is 2026-10-25T01:30:00Z later: true
TEXT
diff expected seen && echo "as described"
