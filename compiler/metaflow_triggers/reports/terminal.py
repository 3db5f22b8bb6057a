"""Show: diagnostics told to a person, on standard error.

In:   diagnostics.
Out:  their text, in color where the terminal and its user take that.

Not here: the text (`render`), exit codes. `render` is imported when there is something to tell.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ..diagnostics import Diagnostic


def show(
    diagnostics: Sequence[Diagnostic], flows: int | None = None, result: str | None = None, others: str = ""
) -> None:
    """Tell of diagnostics found in so many flows; `result` says what came of it, `others` what was left out.

    Silent where there is nothing to tell.
    """
    from .text import render_text, wants_color

    if diagnostics or others:
        color = wants_color(sys.stderr.isatty(), os.environ)
        sys.stderr.write(render_text(diagnostics, flows=flows, result=result, color=color, others=others))
