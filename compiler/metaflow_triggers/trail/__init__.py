"""Trail: what became of an event or a run, and why; one form of answer whoever is asked.

`question` is what is asked, `causes` has every reason once, with its words; `answer` is what a target says, `judge`
asks a flow's filters and parameters about a payload, `text` and `json` write answers down.

A target is a module with `ask(question, settings) -> list[Answer]` (`answer.Target`): `engine.trail` reads the local
engine's database, a backend names its own as `trail` of its `Spec`. It asks for what it can compute and scans nothing:

* AWS: for each flow of the question and each of `question.names(asked)` the name of the execution follows from deployed
  name and start key (`event-<hash>`); `DescribeExecution` answers it, or there is none. Then the rule (disabled, gone,
  other bus), the dead-letter queue, the table of half-arrived sets. An error of access becomes `causes.COULD_NOT_ASK`
  with the right that is missing.
* Argo: the same hash names the Workflow; then the object of a start that was given up, the Sensor (gone, other bus).
* What a target does not keep is `causes.NOT_KEPT`; with a payload `judge.judged` says what the filters say of it.

No backend and no engine is known here, and nothing here asks anybody.
"""
