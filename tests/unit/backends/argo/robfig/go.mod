module fires

go 1.24.0

require (
	github.com/expr-lang/expr v1.17.7
	github.com/robfig/cron/v3 v3.0.1
)
