"""Names: every derived name, valid where it is used, stable, and injective.

In:   readable parts (flow names, event names).
Out:  a name: readable part, hyphen, hash of the exact parts.

Not here: upstream's own names of state machines and workflow templates; those
come from `metaflow_triggers.upstream_names`, because upstream's other commands
look deployments up by them.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re


@functools.lru_cache(maxsize=2048)
@functools.lru_cache(1024)
def digest(*parts: str, length: int = 16) -> str:
    """The first `length` characters (5 bits each) of a SHA-256 over the parts, as [a-z2-7].

    Each part is preceded by its length, so ("ab", "c") and ("a", "bc") differ. A flow's objects ask for the same one
    again and again, and its letters are found in Python, one by one.
    """
    text = "".join(f"{len(part)}:{part}" for part in parts)
    raw = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(raw).decode("ascii").lower()[:length]


def dns_label(readable: str, *exact: str, limit: int = 63, hash_length: int = 16) -> str:
    """A Kubernetes DNS label (RFC 1123, starts with a letter) of at most `limit` characters."""
    suffix = digest(readable, *exact, length=hash_length)
    room = limit - hash_length - 1
    return f"{_label_text(readable)[:room].rstrip('-')}-{suffix}"


def dns_label_of(first: str, between: str, last: str) -> str:
    """The same of two names; where they are too long, both are cut, so that either can be recognised."""
    whole, room = f"{first}-{between}-{last}", 63 - 16 - 1
    if len(_label_text(whole)) > room:
        last_part = last[: room // 2]
        whole = f"{first[: room - len(between) - 2 - len(last_part)]}-{between}-{last_part}"
    return dns_label(whole, first, last)


def _label_text(readable: str) -> str:
    text = re.sub(r"[^a-z0-9]+", "-", readable.lower()).strip("-")
    if not text or not text[0].isalpha():
        text = "mf-" + text if text else "mf"
    return text


def word(readable: str, *exact: str, limit: int = 40, hash_length: int = 16) -> str:
    """`[a-z][a-z0-9]*`: safe as an Argo dependency name (reference: conditions are an expression)."""
    suffix = digest(readable, *exact, length=hash_length)
    text = re.sub(r"[^a-z0-9]+", "", readable.lower())
    if not text or not text[0].isalpha():
        text = "d" + text
    return text[: limit - hash_length] + suffix


def aws_name(readable: str, *exact: str, limit: int = 64, hash_length: int = 16) -> str:
    """`[A-Za-z0-9_.-]+` of at most `limit` characters (rules, targets, queues, roles: 64; state machines: 80)."""
    suffix = digest(readable, *exact, length=hash_length)
    text = re.sub(r"[^A-Za-z0-9_-]+", "-", readable).strip("-") or "flow"
    room = limit - hash_length - 1
    return f"{text[:room].rstrip('-')}-{suffix}"


def poll_slug(name: str) -> str:
    """`[a-z0-9-]` of at most 32 characters for a poll trigger; six digits of a hash follow a name that was changed.

    Short of a DNS label, so that a hash and a counter of ten digits fit behind it. Two triggers of one slug are FT722.
    """
    text = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if text == name and len(text) <= 32:
        return text
    suffix = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{text[:25].rstrip('-')}-{suffix}".lstrip("-")


def logical_id(readable: str, *exact: str) -> str:
    """A CloudFormation logical id: letters and digits, at most 255 characters."""
    suffix = digest(readable, *exact, length=10).upper()
    text = "".join(piece[:1].upper() + piece[1:] for piece in re.split(r"[^A-Za-z0-9]+", readable) if piece)
    if not text or not text[0].isalpha():
        text = "R" + text
    return text[:200] + suffix
