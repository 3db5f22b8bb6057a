"""Identity: in which region, and as whom.

In:   clients.
Out:  findings; the `Account`, or None where nothing can be asked.

Not here: what this identity may do (`rights`). Nothing of a credential is told but whose it is.
"""

from __future__ import annotations

from ....diagnostics import DiagnosticError
from ....doctor.findings import Finding, fine, lacking, not_asked, of_diagnostic
from ..deploy.calls import Clients, calling
from .asking import CREDENTIALS, Account

REGION = "region"


def account(clients: Clients) -> tuple[list[Finding], Account | None]:
    """Region and credentials."""
    try:
        region = clients["events"].meta.region_name
    except DiagnosticError as error:
        return _no_client(error)
    found = [fine(REGION, region)]
    try:
        with calling("sts:GetCallerIdentity", "the credentials"):
            told = clients["sts"].get_caller_identity()
            arn, number = str(told["Arn"]), str(told["Account"])
    except DiagnosticError as error:
        return [*found, of_diagnostic(CREDENTIALS, error.diagnostics[0])], None
    made = Account(clients, region, arn.split(":")[1], number, arn)
    return [*found, fine(CREDENTIALS, arn)], made


def _no_client(error: DiagnosticError) -> tuple[list[Finding], None]:
    """A region is missing, or a profile of credentials."""
    told = error.diagnostics[0]
    if "no region" in told.message:
        return [
            lacking(REGION, "none is configured", "set AWS_DEFAULT_REGION", code=told.code),
            not_asked(CREDENTIALS, f"a {REGION}"),
        ], None
    return [of_diagnostic(CREDENTIALS, told)], None
