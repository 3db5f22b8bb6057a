"""Rules FT511 and FT710 to FT731: poll triggers. In, Out, Not here: see `metaflow_triggers.rules.rule`."""

from __future__ import annotations

from .rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        code="FT511",
        title="poll triggers do not run on this backend yet",
        severity="warning",
        finds="A poll trigger is left out of what is compiled for a cloud. Its flow and all others are compiled; "
        "`--strict` refuses.",
        why="Nothing polls there: the flow is deployed, and its other triggers start it, this one does not.",
        example="$ metaflow-triggers compile flows        # one of them declares @trigger(workflow=...) of a poll",
        instead="$ metaflow-triggers run flows            # the local engine polls",
        language="console",
    ),
    Rule(
        code="FT710",
        title="a poll trigger names no flow",
        severity="error",
        finds="`trigger` without `workflow`, with one that is no text or empty, with `workflow` and `on` that differ, "
        "or written without parentheses.",
        why="Nothing says what a fire would start.",
        example="@trigger\ndef file_watcher(): ...",
        instead="@trigger(workflow='FileProcessor')\ndef file_watcher(): ...",
    ),
    Rule(
        code="FT711",
        title="the name of a poll trigger is not usable",
        severity="error",
        finds="A name that is no text, is empty, has blanks around it, is not printable or has more than 128 "
        "characters; or no name for something that has none of its own, such as a lambda.",
        why="The name is how the trigger is enabled, disabled and found in the history.",
        example="@trigger(workflow='FileProcessor', name='')\ndef file_watcher(): ...",
        instead="@trigger(workflow='FileProcessor', name='inbox')\ndef file_watcher(): ...",
    ),
    Rule(
        code="FT712",
        title="poll_interval is not understood",
        severity="error",
        finds="An interval other than a whole number above zero and one of the units ms, s, m, h, or one of more than "
        "2147483647 ms. Nothing is rounded or guessed.",
        why="A wrong interval polls far too often, or hardly ever.",
        example="@trigger(workflow='FileProcessor', poll_interval='1.5 min')\ndef file_watcher(): ...",
        instead="@trigger(workflow='FileProcessor', poll_interval='90s')\ndef file_watcher(): ...",
    ),
    Rule(
        code="FT713",
        title="this cannot be polled",
        severity="error",
        finds="The decorated object is no plain function without required arguments: it is a class, a "
        "coroutine, a generator.",
        why="A poll is called without arguments and returns its answer at once.",
        example="@trigger(workflow='FileProcessor')\nasync def file_watcher(): ...",
        instead="@trigger(workflow='FileProcessor')\ndef file_watcher(): ...",
    ),
    Rule(
        code="FT714",
        title="an argument of a poll trigger is not understood",
        severity="error",
        finds="An unknown argument, or a value that the argument does not take. The management calls say it too.",
        why="It would have no effect, or another one than was meant.",
        example="@trigger(workflow='FileProcessor', allow_concurrent='no')\ndef file_watcher(): ...",
        instead="@trigger(workflow='FileProcessor', allow_concurrent=False)\ndef file_watcher(): ...",
    ),
    Rule(
        code="FT715",
        title="a poll trigger takes no cron",
        severity="error",
        finds="`cron` or `timezone` in the arguments of a poll trigger.",
        why="A schedule needs no poll: Metaflow has @schedule.",
        example="@trigger(workflow='NightlyReport', cron='0 3 * * *')\ndef nightly(): ...",
        instead="@schedule(cron='0 3 * * ? *')\nclass NightlyReport(FlowSpec): ...",
    ),
    Rule(
        code="FT716",
        title="the function of a poll trigger has no name in its module",
        severity="error",
        finds="The polled function is defined inside another function, or its name was given to something else later.",
        why="A poller in another process could not import it as `module:function`.",
        example="@trigger(workflow='A', name='a')\ndef watch(): ...\n\n"
        "@trigger(workflow='B', name='b')\ndef watch(): ...",
        instead="@trigger(workflow='A')\ndef watch_a(): ...\n\n@trigger(workflow='B')\ndef watch_b(): ...",
    ),
    Rule(
        code="FT717",
        title="a poll trigger starts an unknown flow",
        severity="error",
        finds="No file of the command defines a class of the name in `workflow`, nor of its CamelCase form; or several "
        "flows (of different projects) have it.",
        why="The poll would fire and nothing would start.",
        example="@trigger(workflow='file_procesor')       # the class is FileProcessor\ndef file_watcher(): ...",
        instead="@trigger(workflow='file_processor')\ndef file_watcher(): ...",
    ),
    Rule(
        code="FT718",
        title="a context takes JSON values only",
        severity="error",
        finds="A value without a JSON text of its own: a set, bytes, a date, NaN, an integer beyond 64 bits, NUL or a "
        "lone surrogate in a text, a key that is no text. A tuple becomes a list.",
        why="It would arrive changed, or not at all.",
        example="TriggerResult.fire(Context({'seen_at': datetime.now()}))",
        instead="TriggerResult.fire(Context({'seen_at': datetime.now().isoformat()}))",
    ),
    Rule(
        code="FT719",
        title="a TriggerResult is made by skip() or fire()",
        severity="error",
        finds="A call of the class itself, or `fire` with something else than a `Context`.",
        why="Only `skip()` and `fire(context)` say what is meant.",
        example="TriggerResult.fire({'path': 'a.csv'})",
        instead="TriggerResult.fire(Context({'path': 'a.csv'}))",
    ),
    Rule(
        code="FT720",
        title="a context that never repeats",
        severity="warning",
        finds="A context with a clock or a random value among its literal keys, in a trigger without "
        "`allow_concurrent=True`. Calls are judged by their names.",
        why="Equal contexts start one run at a time. A context that is new at every poll starts a run at every poll.",
        example="@trigger(workflow='IngestCsv')\ndef watch_inbox():\n"
        "    return fire(Context({'path': oldest('/srv/inbox'), 'seen_at': time.time()}))",
        instead="@trigger(workflow='IngestCsv', dedup_keys=['path'])\ndef watch_inbox():\n"
        "    return fire(Context({'path': oldest('/srv/inbox'), 'seen_at': time.time()}))",
    ),
    Rule(
        code="FT721",
        title="a poll keeps a global",
        severity="warning",
        finds="The polled function assigns a global of its module.",
        why="It lives as long as the process that polls the file, which starts anew with the engine, after a poll that "
        "took too long or ended it, and when the file has changed. A fire that is suppressed because its run is "
        "active has changed it already.",
        example="failures = 0\n\n@trigger(workflow='Recover')\ndef health_check():\n    global failures\n"
        "    failures = 0 if healthy() else failures + 1\n    return fire() if failures >= 3 else skip()",
        instead="@trigger(workflow='Recover')\ndef health_check():\n    failures = count_failures_in('health.db')\n"
        "    return fire() if failures >= 3 else skip()",
    ),
    Rule(
        code="FT722",
        title="two poll triggers share a name",
        severity="error",
        finds="Two triggers of the command have one name, or names that give their runs the same names.",
        why="Their histories, and whether they are enabled, would be one.",
        example="@trigger(workflow='A', name='inbox')\ndef first(): ...\n\n"
        "@trigger(workflow='B', name='inbox')\ndef second(): ...",
        instead="@trigger(workflow='A', name='inbox-a')\ndef first(): ...\n\n"
        "@trigger(workflow='B', name='inbox-b')\ndef second(): ...",
    ),
    Rule(
        code="FT724",
        title="our `cloaca` takes the place of an installed one",
        severity="note",
        finds="A file imports `cloaca`, and a package of that name is installed. While our commands read or run the "
        "file, the name means poll triggers of metaflow-triggers.",
        why="The installed package keeps its triggers to itself: nothing could be read from it.",
        example="import cloaca",
        instead="import metaflow_triggers.poll as cloaca",
    ),
    Rule(
        code="FT726",
        title="`cloaca` has no such name here",
        severity="error",
        finds="A file uses a name of `cloaca` other than `trigger`, `TriggerResult`, `Context` and `DefaultRunner`.",
        why="Tasks and workflows are Metaflow's: steps and flows.",
        example="import cloaca\n\n@cloaca.task()\ndef load(context): ...",
        instead="class LoadFlow(FlowSpec):\n    @step\n    def start(self): ...",
    ),
    Rule(
        code="FT727",
        title="no poll trigger of this name",
        severity="error",
        finds="A command or a call names a poll trigger that the database does not know.",
        why="Nothing was changed.",
        example="$ metaflow-triggers disable file_wacher",
        instead="$ metaflow-triggers list\n$ metaflow-triggers disable file_watcher",
        language="console",
    ),
    Rule(
        code="FT728",
        title="a management call while a file is read",
        severity="error",
        finds="A file calls a `DefaultRunner` when it is imported, and one of our commands reads it for its triggers.",
        why="Reading a file must change nothing.",
        example="runner = DefaultRunner('sqlite://workflows.db')\nrunner.set_trigger_enabled('inbox', False)",
        instead="if __name__ == '__main__':      # then: metaflow-triggers exec FILE\n"
        "    runner = DefaultRunner('sqlite://workflows.db')\n    runner.set_trigger_enabled('inbox', False)",
    ),
    Rule(
        code="FT729",
        title="the address of a database is not understood",
        severity="error",
        finds="`DefaultRunner` was given something else than `sqlite://` and the path of a file.",
        why="Nothing was opened.",
        example="DefaultRunner('workflows.db')",
        instead="DefaultRunner('sqlite://workflows.db')",
    ),
    Rule(
        code="FT730",
        title="no flow of this name",
        severity="error",
        finds="`pause` or `resume` names a flow that no engine has served on this database, or one that several "
        "projects have.",
        why="Nothing was changed.",
        example="$ metaflow-triggers pause FileProcesor",
        instead="$ metaflow-triggers pause FileProcessor",
        language="console",
    ),
    Rule(
        code="FT731",
        title="a poll trigger of an imported file",
        severity="note",
        finds="A file imports another one that declares poll triggers, and the command was not given that one.",
        why="A trigger belongs to the file that declares it; otherwise it would be polled once for each file that "
        "imports it.",
        example="$ metaflow-triggers run flow.py                 # it says: import polls",
        instead="$ metaflow-triggers run flow.py polls.py",
        language="console",
    ),
)
