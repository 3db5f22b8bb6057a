module judge

go 1.26.0

require (
	github.com/Knetic/govaluate v3.0.1-0.20171022003610-9aa49832a739+incompatible
	github.com/antonmedv/expr v1.15.5
	github.com/argoproj/argo-events v1.9.11
	sigs.k8s.io/yaml v1.6.0
)
