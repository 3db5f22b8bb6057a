"""Payload schema: what a JSON Schema says of the payload of an event.

In:   the schema as JSON text.
Out:  whether a field can be in a payload, and what may stand there; what is wrong with a payload, and where.

Not here: flows, events. It promises nothing that the schema does not say: where that is open, so is the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

ABSENT, OPEN, UNLISTED = "absent", "open", "unlisted"
"""A field that can never be there; of which nothing is said; that may be there, though others are listed."""

_DEPTH = 32


Said = tuple[str, list[Any]]
"""ABSENT, OPEN or UNLISTED; or "" and the schemas of which one holds."""


def _either(every: Sequence[Said]) -> Said:
    states = {state for state, _ in every}
    schemas = [item for _, items in every for item in items]
    if OPEN in states or not (schemas or UNLISTED in states):
        return (OPEN if OPEN in states else ABSENT), []
    return ("", [*schemas, *([True] if UNLISTED in states else ())]) if schemas else (UNLISTED, [])


def _both(every: Sequence[Said]) -> Said:
    states = {state for state, _ in every}
    schemas = [item for _, items in every for item in items]
    if ABSENT in states:
        return ABSENT, []
    return ("", schemas) if schemas else (UNLISTED if UNLISTED in states else OPEN, [])


def _is_found(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:  # a pattern of JavaScript's, which Python reads otherwise
        return True


class PayloadSchema:
    """Of one event. `lists`: the fields of a list are those of its items, as filters look for them."""

    def __init__(self, text: str, *, lists: bool = False) -> None:
        self._root: Any = json.loads(text)
        self._lists = lists

    @cached_property
    def _validator(self) -> Any:
        import jsonschema
        from referencing import Registry

        cls = jsonschema.validators.validator_for(self._root, default=jsonschema.Draft202012Validator)
        return cls(self._root, registry=Registry())

    def errors(self, payload: Any) -> list[tuple[str, str]]:
        """(where, what) of each mistake of a payload, in its order."""
        try:
            found = sorted(self._validator.iter_errors(payload), key=lambda error: [str(key) for key in error.path])
        except Exception as error:  # a reference inside of the schema that leads nowhere, or around
            return [("", f"its schema cannot be applied: {type(error).__name__}")]
        return [(".".join(map(str, item.absolute_path)), item.message[:200]) for item in found]

    def names(self, path: Sequence[str] = ()) -> list[str]:
        """The fields that are listed below a path."""
        return sorted({name for schema in self._at(path)[1] for name in self._listed(schema, 0)})

    def field(self, path: Sequence[str]) -> str:
        """ABSENT, OPEN, UNLISTED, or "" for one that the schema says something of."""
        return self._at(path)[0]

    def can_be(self, path: Sequence[str], value: Any) -> bool:
        """Whether the value can stand there."""
        state, schemas = self._at(path)
        return state != ABSENT and (bool(state) or any(self._takes(schema, value) for schema in schemas))

    def values(self, path: Sequence[str]) -> list[Any] | None:
        """All values that can stand there, where the schema lists them."""
        state, schemas = self._at(path)
        if state or not schemas:
            return None
        found: list[Any] = []
        for schema in map(self._resolved, schemas):
            listed = schema.get("enum", [schema["const"]] if "const" in schema else None) if schema else None
            if listed is None:
                return None
            found += listed
        return found

    def types(self, path: Sequence[str]) -> set[str] | None:
        """The JSON types that can stand there; None where nothing is said of them."""
        state, schemas = self._at(path)
        if state or not schemas:
            return None
        found: set[str] = set()
        for schema in map(self._resolved, schemas):
            said = schema.get("type") if schema else None
            if said is None:
                return None
            found |= {said} if isinstance(said, str) else set(said)
        return found

    def required(self) -> list[str]:
        """The fields that each payload has."""
        said = (self._resolved(self._root) or {}).get("required", [])
        return [name for name in said if isinstance(name, str)]

    # --- walking ----------------------------------------------------------------------------------------------------

    def _takes(self, schema: Any, value: Any) -> bool:
        try:
            return bool(self._validator.evolve(schema=schema).is_valid(value))
        except Exception:  # a reference that leads nowhere: nothing is known
            return True

    def _resolved(self, schema: Any, depth: int = 0) -> dict[str, Any] | None:
        """The schema behind references; None for one that says nothing."""
        while isinstance(schema, dict) and isinstance(schema.get("$ref"), str) and depth < _DEPTH:
            target: Any = self._root
            for part in schema["$ref"].removeprefix("#").split("/")[1:]:
                name = part.replace("~1", "/").replace("~0", "~")
                target = target.get(name) if isinstance(target, dict) else None
            schema, depth = target, depth + 1
        return schema if isinstance(schema, dict) else None

    def _at(self, path: Sequence[str]) -> tuple[str, list[Any]]:
        """What is said of the place, and the schemas of which one holds there."""
        schemas: list[Any] = [self._root]
        for name in path:
            state, schemas = _either([self._below(schema, name, 0) for schema in schemas])
            if state:
                return state, []
        return "", schemas

    def _below(self, schema: Any, name: str, depth: int) -> Said:
        if schema is False:
            return ABSENT, []
        said = self._resolved(schema)
        if said is None or depth > _DEPTH:
            return OPEN, []
        types = said.get("type")
        types = [types] if isinstance(types, str) else types
        if types is not None and "object" not in types:
            into = self._lists and "array" in types
            return self._below(said.get("items", True), name, depth + 1) if into else (ABSENT, [])
        every = [self._own(said, name)]
        every += [self._below(item, name, depth + 1) for item in said.get("allOf", ())]
        for word in ("anyOf", "oneOf"):
            if said.get(word):
                every.append(_either([self._below(item, name, depth + 1) for item in said[word]]))
        state, schemas = _both(every)
        return (ABSENT, []) if state and said.get("unevaluatedProperties") is False else (state, schemas)

    def _own(self, said: dict[str, Any], name: str) -> Said:
        properties = said.get("properties", {})
        patterns = [item for key, item in said.get("patternProperties", {}).items() if _is_found(key, name)]
        if name in properties or patterns:
            return "", [*([properties[name]] if name in properties else ()), *patterns]
        more = said.get("additionalProperties", True)
        if more is False:
            return ABSENT, []
        if isinstance(more, dict):
            return "", [more]
        return (UNLISTED if properties else OPEN), []

    def _listed(self, schema: Any, depth: int) -> Iterator[str]:
        said = self._resolved(schema)
        if said is None or depth > _DEPTH:
            return
        yield from said.get("properties", {})
        if self._lists and said.get("type") == "array":
            yield from self._listed(said.get("items", True), depth + 1)
        for word in ("allOf", "anyOf", "oneOf"):
            for item in said.get(word, ()):
                yield from self._listed(item, depth + 1)
