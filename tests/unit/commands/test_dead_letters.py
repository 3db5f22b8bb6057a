"""`dead-letters` and `emit --again` as they are typed, on the local engine's database."""

from __future__ import annotations

import json
from pathlib import Path

from .warm import warm

FLOW = """from metaflow import FlowSpec, Parameter, step, trigger

@trigger(event={{"name": "order-placed", "parameters": {{"order_id": "orderId"}}}})
class {name}(FlowSpec):
    order_id = Parameter("order_id", {more})

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    {name}()
"""


def test_a_refused_start_is_listed_and_sent_again(tmp_path: Path) -> None:
    file = tmp_path / "report.py"
    file.write_text(FLOW.format(name="Report", more="type=str, required=True"))
    with warm(tmp_path) as run:

        def typed(*words: str) -> tuple[int, str, str]:
            done = run(*words, cwd=tmp_path)
            return done.code, done.out, done.err

        assert typed("dead-letters", "list")[0] == 1, "no database"
        for identity in ("o-1", "o-2"):
            assert typed("emit", "order-placed", "--id", identity, "--payload", '{"n": "\u202e"}')[0] == 0
        assert typed("run", "report.py", "--until-idle")[0] == 0
        code, out, _ = typed("dead-letters", "list")
        assert code == 0 and out.count("order_id has no value") == 2 and "u202e" not in out and out.isascii()
        code, out, _ = typed("dead-letters", "show", "1")
        assert code == 0 and "event id  o-1" in out and "\\u202e" in out
        assert typed("dead-letters", "list", "--flow", "Nobody")[0] == 1
        code, out, _ = typed("dead-letters", "send-again", "1", "--path", "report.py")
        assert (code, "refused again: the required parameter order_id" in out) == (1, True)

        file.write_text(FLOW.format(name="Report", more="default='none'"))
        code, out, err = typed("dead-letters", "send-again", "1", "--path", "report.py")
        assert (code, out) == (0, "1  order-placed  started: its run is next\n"), err
        assert typed("dead-letters", "send-again", "1", "--path", "report.py")[0] == 1
        found = json.loads(typed("dead-letters", "list", "--format", "json")[1])["letters"]
        assert [(one["event_id"], one["backend"], one["sendable"]) for one in found] == [("o-2", "local", True)]
        assert typed("dead-letters", "drop", "--all")[0] == 2
        assert typed("dead-letters", "drop", "--all", "--yes")[:2] == (0, "dropped 1 of 1 dead letter\n")

        (tmp_path / "later.py").write_text(FLOW.format(name="Later", more="default='none'"))
        again = ("emit", "--again", "--path", "later.py")
        assert typed(*again, "--id", "o-2")[1] == (
            "1 accepted before, 1 that these flows wait for: 1 started, 0 added to sets, 0 refused, 0 known\n"
        )
        assert "1 started, 0 added to sets, 0 refused, 1 known" in typed(*again, "--since", "1h")[1]
        assert "0 started, 0 added to sets, 0 refused, 2 known" in typed(*again, "--since", "1h", "order-placed")[1]
        assert typed(*again, "--id", "nobody")[0] == 1
        for words in (again, (*again, "--since", "x"), (*again, "--since", "1h", "--payload", "{}"), ("emit",)):
            assert typed(*words)[0] == 2
        states = {row["state"] for row in json.loads(typed("history", "Later", "--format", "json")[1])}
        assert states == {"claimed"}
