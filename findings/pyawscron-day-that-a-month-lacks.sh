#!/bin/sh
# pyawscron 1.0.7 (PyPI), which tells when a cron expression of EventBridge is due next.
#
# Guess before running: "cron(0 9 31 * ? *)", the 31st of every month, is due on the 31st of the months that have one.
#
# Seen:
#   - "0 9 31 * ? *" after 31 January 2026, 10:00: ValueError "day is out of range for month", and the same for
#     "0 9 30 * ? *" after 1 February and "0 9 29 2 ? *" after 31 July 2026
#   - "0 9 29 2 ? *" after 1 January 2028, a leap year: 29 February 2028
#   - "0 9 31W * ? *" after 1 May 2026: 29 May, then 31 July; a month without the day is left out, as guessed
# The next day is built from the number in the expression before it is looked whether the month has it.
#
# Fails if this changes. Needs Python 3.10 or newer with venv, and PyPI.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip --quiet --disable-pip-version-check install pyawscron==1.0.7
cat >ask.py <<'PY'
from datetime import datetime, timezone

from pyawscron import AWSCron

for expression, after in (
    ("0 9 31 * ? *", datetime(2026, 1, 31, 10, tzinfo=timezone.utc)),
    ("0 9 30 * ? *", datetime(2026, 2, 1, tzinfo=timezone.utc)),
    ("0 9 29 2 ? *", datetime(2026, 7, 31, tzinfo=timezone.utc)),
    ("0 9 29 2 ? *", datetime(2028, 1, 1, tzinfo=timezone.utc)),
    ("0 9 31W * ? *", datetime(2026, 5, 1, tzinfo=timezone.utc)),
    ("0 9 31W * ? *", datetime(2026, 5, 29, 10, tzinfo=timezone.utc)),
):
    try:
        answer = AWSCron(expression).occurrence(after).next().isoformat()
    except ValueError as error:
        answer = f"ValueError: {error}"
    print(f"{expression} after {after:%Y-%m-%d}: {answer}")
PY
venv/bin/python ask.py >seen
cat seen
cat >expected <<'END'
0 9 31 * ? * after 2026-01-31: ValueError: day is out of range for month
0 9 30 * ? * after 2026-02-01: ValueError: day is out of range for month
0 9 29 2 ? * after 2026-07-31: ValueError: day is out of range for month
0 9 29 2 ? * after 2028-01-01: 2028-02-29T09:00:00+00:00
0 9 31W * ? * after 2026-05-01: 2026-05-29T09:00:00+00:00
0 9 31W * ? * after 2026-05-29: 2026-07-31T09:00:00+00:00
END
diff expected seen
