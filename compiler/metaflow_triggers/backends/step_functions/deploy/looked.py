"""Looked: an account of which each kind is listed once, for the plans of many flows; of few, asked for once by name.

In:   clients.
Out:  clients whose questions are answered by lists, and each of the others by AWS once. They cannot write.

Not here: what is asked and what follows from it (`plan.py`), which does not know whom it asks. What others have changed
since is not seen: the plan that is made after the first one asks AWS itself.

AWS lists no definition of a state machine, no target of a rule, no attribute of a queue or a table, no expression of a
schedule: these are asked for one by one, several at a time (`ask_ahead`). Who may not list is answered one by one, too.
Tags come from the Resource Groups Tagging API; of what it does not know yet AWS is asked itself.
"""

from __future__ import annotations

import contextlib
import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ..compile.assemble import TAG_DEPLOYED_NAME
from ..compile.names import ALARMS
from .calls import Clients, code

_AT_ONCE = 8
_READS = ("describe_", "get_", "list_", "head_", "scan", "test_")
_DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation")
_KINDS = ["states", "events", "sqs", "dynamodb", "scheduler", "cloudwatch"]
_IN_PAGES = {"list_queues": {"PaginationConfig": {"PageSize": 1000}}}
"""SQS gives 1,000 queues and no way to the others unless it is told how many a page has (API reference, ListQueues)."""
_UNLISTED = object()
"""Stands for a list that may not be asked for."""


class Looked(Clients):
    """Clients that have looked."""

    def __init__(self, clients: Clients, *, lists: bool = True) -> None:
        super().__init__()
        self._clients = clients
        self.lists = lists
        """Whether kinds are listed; else each object is asked for by its name, once."""
        self.identity = clients.identity
        self._answers: dict[Any, Any] = {}

    def __getitem__(self, service: str) -> Any:
        return _Service(service, self._clients[service], self)

    def ask_ahead(self, questions: Iterable[tuple[str, str, dict[str, Any]]]) -> None:
        """Have the answers before they are needed: (service, operation, arguments). What cannot be had is asked again
        where it is needed, and refused there."""
        from botocore.exceptions import BotoCoreError, ClientError
        from metaflow_extensions.triggers.plugins.aws_answers import NotAws

        with contextlib.suppress(BotoCoreError, ClientError, NotAws), ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda one: self._quietly(*one), questions))

    def _quietly(self, service: str, operation: str, arguments: dict[str, Any]) -> None:
        self.once((service, operation, arguments), partial(getattr(self._clients[service], operation), **arguments))

    def once(self, question: Any, ask: Callable[[], Any]) -> Callable[[], Any]:
        """What gives the answer to a question, or raises what AWS raised: AWS is asked for it once."""
        from botocore.exceptions import ClientError

        key = json.dumps(question, sort_keys=True)
        if key not in self._answers:
            try:
                self._answers[key] = ask()
            except ClientError as error:
                self._answers[key] = error
        answer = self._answers[key]

        def given() -> Any:
            if isinstance(answer, ClientError):
                raise answer
            return answer

        return given

    def listed(self, service: str, operation: str, key: str, **arguments: Any) -> Any:
        """All items of a list, or `_UNLISTED` where this caller may not have it."""
        from botocore.exceptions import ClientError

        def ask() -> list[Any]:
            client = self._clients[service]
            if client.can_paginate(operation):
                pages: Iterable[Any] = client.get_paginator(operation).paginate(
                    **arguments, **_IN_PAGES.get(operation, {})
                )
            else:
                pages = _pages(getattr(client, operation), arguments)
            return [item for page in pages for item in page.get(key, [])]

        try:
            return self.once((service, operation, arguments, "all"), ask)()
        except ClientError as error:
            if code(error) in _DENIED:
                return _UNLISTED
            raise

    def by_name(self, service: str, operation: str, key: str, name: str, **arguments: Any) -> Any:
        """The same by a field of its items."""
        return self.by(service, operation, key, lambda item: item[name] if name else item, name, **arguments)

    def by(
        self, service: str, operation: str, key: str, give: Callable[[Any], Any], given: str, **arguments: Any
    ) -> Any:
        """The same by what `give` makes of an item; `given` says in a word what that is."""
        items = self.listed(service, operation, key, **arguments)
        if items is _UNLISTED:
            return items
        index = (service, operation, given, json.dumps(arguments, sort_keys=True))
        if index not in self._answers:
            self._answers[index] = {give(item): item for item in items}
        return self._answers[index]

    def grouped(self, service: str, operation: str, key: str, name: str, **arguments: Any) -> Any:
        """All items of a list for each value of a field of theirs."""
        items = self.listed(service, operation, key, **arguments)
        if items is _UNLISTED:
            return items
        index = (service, operation, f"all by {name}", json.dumps(arguments, sort_keys=True))
        if index not in self._answers:
            groups: dict[Any, list[Any]] = {}
            for item in items:
                groups.setdefault(item[name], []).append(item)
            self._answers[index] = groups
        return self._answers[index]

    def queue_urls(self) -> Any:
        """Addresses of all queues by their names."""
        return self.by("sqs", "list_queues", "QueueUrls", lambda url: url.rpartition("/")[2], "name")

    def has_table(self, name: str) -> bool:
        """Whether the list of tables has it."""
        found = self.by_name("dynamodb", "list_tables", "TableNames", "")
        return found is not _UNLISTED and name in found

    def sorted_names(self, found: dict[str, Any]) -> list[str]:
        """The keys of what `by_name` gave, in order."""
        index = ("sorted", id(found))  # it is kept as long as this is
        if index not in self._answers:
            self._answers[index] = sorted(found)
        names: list[str] = self._answers[index]
        return names

    def tags(self, arn: str) -> dict[str, str] | None:
        """The tags of an object of ours, or None: AWS is to be asked."""
        arguments: dict[str, Any] = {
            "TagFilters": [{"Key": TAG_DEPLOYED_NAME}],
            "ResourceTypeFilters": _KINDS,
            "ResourcesPerPage": 100,
        }
        service, operation = "resourcegroupstaggingapi", "get_resources"
        found = self.by_name(service, operation, "ResourceTagMappingList", "ResourceARN", **arguments)
        if found is _UNLISTED or arn not in found:
            return None
        return {item["Key"]: item["Value"] for item in found[arn]["Tags"]}


def _pages(call: Callable[..., Any], arguments: dict[str, Any]) -> Iterator[Any]:
    more: dict[str, Any] = {}
    while True:
        page = call(**arguments, **more)
        yield page
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}


class _Service:
    """One client. An operation that has a list is answered by the list, as AWS would answer it."""

    def __init__(self, service: str, client: Any, looked: Looked) -> None:
        self._service, self._client, self._looked = service, client, looked
        self.meta = client.meta

    def __getattr__(self, operation: str) -> Any:
        if not operation.startswith(_READS):
            raise AttributeError(f"{operation} is for who carries a plan out")

        def call(**arguments: Any) -> Any:
            by_list = _LISTS.get((self._service, operation)) if self._looked.lists else None
            answer = _UNLISTED if by_list is None else by_list(self._looked, arguments)
            if isinstance(answer, _Absent):
                raise answer.error(operation)
            if answer is not _UNLISTED:
                return answer
            question = (self._service, operation, arguments)
            return self._looked.once(question, lambda: getattr(self._client, operation)(**arguments))()

        return call

    def get_paginator(self, operation: str) -> Any:
        """Of job definitions, whose list has all of each."""
        return _Pages(self._looked, self._client, operation)


class _Pages:
    def __init__(self, looked: Looked, client: Any, operation: str) -> None:
        self._looked, self._client, self._operation = looked, client, operation

    def paginate(self, jobDefinitionName: str, status: str) -> Iterator[Any]:
        looked = self._looked
        found: Any = _UNLISTED
        if looked.lists:
            found = looked.grouped("batch", self._operation, "jobDefinitions", "jobDefinitionName", status=status)
        if found is _UNLISTED:
            asked = {"jobDefinitionName": jobDefinitionName, "status": status}
            pages = self._client.get_paginator(self._operation)
            yield from looked.once(("batch", self._operation, asked), lambda: list(pages.paginate(**asked)))()
            return
        yield {"jobDefinitions": found.get(jobDefinitionName, [])}


class _Absent:
    """What AWS says of an object that is not there."""

    def __init__(self, name: str) -> None:
        self._code = name

    def error(self, operation: str) -> Exception:
        from botocore.exceptions import ClientError

        error: Exception = ClientError({"Error": {"Code": self._code, "Message": "it is in no list"}}, operation)
        return error


# the answers ----------------------------------------------------------------------------------------------------------


def _unless_listed(name: str, found: Any, absent: str) -> Any:
    """That an object is in no list, or that it has to be asked for."""
    return _UNLISTED if found is _UNLISTED or name in found else _Absent(absent)


def _machine(looked: Looked, given: dict[str, Any]) -> Any:
    found = looked.by_name("stepfunctions", "list_state_machines", "stateMachines", "stateMachineArn")
    return _unless_listed(given["stateMachineArn"], found, "StateMachineDoesNotExist")


def _rules(looked: Looked, bus: str) -> Any:
    return looked.by_name("events", "list_rules", "Rules", "Name", EventBusName=bus)


def _rule(looked: Looked, given: dict[str, Any]) -> Any:
    found = _rules(looked, given.get("EventBusName", "default"))
    return _UNLISTED if found is _UNLISTED else found.get(given["Name"], _Absent("ResourceNotFoundException"))


def _some_rules(looked: Looked, given: dict[str, Any]) -> Any:
    found, prefix = _rules(looked, given["EventBusName"]), given["NamePrefix"]
    if found is _UNLISTED:
        return found
    names = looked.sorted_names(found)
    first = bisect_left(names, prefix)
    last = next((at for at in range(first, len(names)) if not names[at].startswith(prefix)), len(names))
    return {"Rules": [found[name] for name in names[first:last]]}


def _queue(looked: Looked, given: dict[str, Any]) -> Any:
    urls = looked.queue_urls()
    if urls is _UNLISTED:
        return urls
    url = urls.get(given["QueueName"])
    return {"QueueUrl": url} if url else _Absent("QueueDoesNotExist")


def _table(looked: Looked, given: dict[str, Any]) -> Any:
    found = looked.by_name("dynamodb", "list_tables", "TableNames", "")
    return _unless_listed(given["TableName"], found, "ResourceNotFoundException")


def _alarm(looked: Looked, given: dict[str, Any]) -> Any:
    found = looked.by_name("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName", AlarmNamePrefix=ALARMS)
    if found is _UNLISTED:
        return found
    return {"MetricAlarms": [found[name] for name in given["AlarmNames"] if name in found]}


def _group(looked: Looked, given: dict[str, Any]) -> Any:
    found = looked.by_name("scheduler", "list_schedule_groups", "ScheduleGroups", "Name")
    return _UNLISTED if found is _UNLISTED else found.get(given["Name"], _Absent("ResourceNotFoundException"))


def _schedules(looked: Looked, given: dict[str, Any]) -> Any:
    found = looked.grouped("scheduler", "list_schedules", "Schedules", "GroupName")
    return _UNLISTED if found is _UNLISTED else {"Schedules": found.get(given["GroupName"], [])}


def _role(give: Callable[[dict[str, Any], dict[str, Any]], Any]) -> Callable[[Looked, dict[str, Any]], Any]:
    def answer(looked: Looked, given: dict[str, Any]) -> Any:
        lists = ("iam", "get_account_authorization_details", "RoleDetailList", "RoleName")
        found = looked.by_name(*lists, Filter=["Role"])
        if found is _UNLISTED:
            return found
        role = found.get(given["RoleName"])
        return _Absent("NoSuchEntity") if role is None else give(role, given)

    return answer


def _policy(role: dict[str, Any], given: dict[str, Any]) -> Any:
    found = {item["PolicyName"]: item for item in role.get("RolePolicyList", [])}
    return found.get(given["PolicyName"], _Absent("NoSuchEntity"))


def _tags(arn: str, give: Callable[[dict[str, str]], Any]) -> Callable[[Looked, dict[str, Any]], Any]:
    def answer(looked: Looked, given: dict[str, Any]) -> Any:
        found = looked.tags(given[arn])
        return _UNLISTED if found is None else give(found)

    return answer


def _upper(tags: dict[str, str]) -> Any:
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _lower(tags: dict[str, str]) -> Any:
    return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}


def _queue_tags(looked: Looked, given: dict[str, Any]) -> Any:
    host, _, path = given["QueueUrl"].partition("://")[2].partition("/")
    account, _, name = path.rpartition("/")
    region = looked["sqs"].meta.region_name
    partition = str((looked.identity or {}).get("Arn", "arn:aws")).split(":")[1]
    found = looked.tags(f"arn:{partition}:sqs:{region}:{account}:{name}") if host else None
    return _UNLISTED if found is None else {"Tags": found}


_LISTS: dict[tuple[str, str], Callable[[Looked, dict[str, Any]], Any]] = {
    ("stepfunctions", "describe_state_machine"): _machine,
    ("stepfunctions", "list_tags_for_resource"): _tags("resourceArn", _lower),
    ("events", "describe_rule"): _rule,
    ("events", "list_rules"): _some_rules,
    ("events", "list_tags_for_resource"): _tags("ResourceARN", _upper),
    ("sqs", "get_queue_url"): _queue,
    ("sqs", "list_queue_tags"): _queue_tags,
    ("dynamodb", "describe_table"): _table,
    ("dynamodb", "list_tags_of_resource"): _tags("ResourceArn", _upper),
    ("cloudwatch", "describe_alarms"): _alarm,
    ("cloudwatch", "list_tags_for_resource"): _tags("ResourceARN", _upper),
    ("scheduler", "get_schedule_group"): _group,
    ("scheduler", "list_schedules"): _schedules,
    ("scheduler", "list_tags_for_resource"): _tags("ResourceArn", _upper),
    ("iam", "get_role"): _role(lambda role, given: {"Role": role}),
    ("iam", "list_role_tags"): _role(lambda role, given: {"Tags": role.get("Tags", [])}),
    ("iam", "list_role_policies"): _role(
        lambda role, given: {"PolicyNames": [item["PolicyName"] for item in role.get("RolePolicyList", [])]}
    ),
    ("iam", "get_role_policy"): _role(_policy),
}
