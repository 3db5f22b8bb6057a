"""Decorators: `@trigger` and `@trigger_on_finish`, as Metaflow's with more arguments.

In:   what the user wrote.
Out:  decorators that keep it (`raw_arguments`, `unknown_arguments`) for the compiler, and offer it in Metaflow's own
      form (`triggers`, `format_deploytime_value`) to deployers that read that.

Not here: judging a trigger. A mistake never stops `run` or `step`; the compiler reports it with a code.
What Metaflow's form cannot say makes reading `triggers` raise, as `format_deploytime_value` does: it is never changed,
and a compiler that knows only Metaflow's form never deploys a flow without what starts it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from metaflow.exception import MetaflowException
from metaflow.metaflow_config import TRIGGERS_COMPAT
from metaflow.metaflow_current import current
from metaflow.parameters import ParameterContext
from metaflow.plugins import events_decorator as _upstream

# Before any run: None, also in flows without a trigger (Metaflow itself has no attribute `trigger` then).
current._update_env({"trigger": None})

_PACKED = "_unpacked_delayed_"  # metaflow/user_configs/config_parameters.py, UNPACK_KEY


class TriggerContext(ParameterContext):
    """Metaflow's `ParameterContext`, and `user`, the same as `user_name`."""

    __slots__ = ()

    @property
    def user(self) -> Any:
        """The user's name."""
        return self.user_name


def call_with_context(function: Callable[..., Any], context: Any) -> Any:
    """What a deploy-time function returns. It takes a `ParameterContext` or nothing.

    `context` is a `ParameterContext` of Metaflow's; the function sees a `TriggerContext`.
    """
    try:
        inspect.signature(function).bind(context)
    except TypeError:
        return function()
    except ValueError:  # a callable without a signature (some built in C)
        pass
    return function(TriggerContext(*context) if isinstance(context, ParameterContext) else context)


class _NotInMetaflowsForm(MetaflowException):
    headline = "Trigger without a counterpart in Metaflow"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} has no counterpart in Metaflow's own triggers; only metaflow-triggers deploys it")


class _Deferred:
    """A deploy-time function whose result is brought into Metaflow's form."""

    def __init__(self, function: Callable[..., Any], form: Callable[[Any], Any]) -> None:
        self._function = function
        self._form = form

    def __call__(self, context: Any, deploy_time: bool = True) -> Any:
        return self._form(call_with_context(self._function, context))

    def __str__(self) -> str:
        return str(self._function)


def _event(value: Any) -> Any:
    if isinstance(value, dict):
        beyond = sorted(str(key) for key in value if key not in ("name", "parameters"))
        if beyond:
            raise _NotInMetaflowsForm(f"{', '.join(beyond)} of an event")
        form = dict(value)
        if callable(form.get("name")):
            form["name"] = _Deferred(form["name"], lambda name: name)
        if "parameters" in form:
            form["parameters"] = _parameters(form["parameters"])
        return form
    return _Deferred(value, _event) if callable(value) else value


def _events(value: Any) -> Any:
    if callable(value):
        return _Deferred(value, _events)
    return [_event(item) for item in value] if isinstance(value, (list, tuple)) else value


def _parameters(value: Any) -> Any:
    if callable(value):
        return _Deferred(value, _parameters)
    if isinstance(value, dict):
        if any(isinstance(item, dict) for item in value.values()):
            raise _NotInMetaflowsForm("a constant in `parameters`")
        return dict(value)
    if isinstance(value, tuple) and TRIGGERS_COMPAT == "upstream":
        return value
    return list(value) if isinstance(value, (list, tuple)) else value


def _flow(value: Any) -> Any:
    if isinstance(value, dict):
        beyond = sorted(str(key) for key in value if key not in ("name", "project", "project_branch", "match"))
        if beyond:
            raise _NotInMetaflowsForm(f"{', '.join(beyond)} of a flow")
        _only_success(value.get("match"))
        return {key: item for key, item in value.items() if key != "match"}
    return _Deferred(value, _flow) if callable(value) else value


def _flows(value: Any) -> Any:
    if callable(value):
        return _Deferred(value, _flows)
    if isinstance(value, (list, tuple)):
        if any(callable(item) for item in value):
            raise _NotInMetaflowsForm("a function inside `flows`")
        return [_flow(item) for item in value]
    return value


def _only_success(match: Any) -> None:
    if match not in (None, "success", ["success"], ("success",)):
        raise _NotInMetaflowsForm(f"match={match!r}")


class _Lenient:
    """What both decorators share: every argument is kept, no mistake stops a run."""

    attributes: dict[str, Any]
    defaults: dict[str, Any]
    _user_defined_attributes: set[str]

    def __init__(self, attributes: Any = None, statically_defined: bool = False, inserted_by: Any = None) -> None:
        written = dict(attributes or {})
        known = {key: value for key, value in written.items() if key in self.defaults or key.startswith(_PACKED)}
        super().__init__(known, statically_defined, inserted_by)  # type: ignore[call-arg]
        self.attributes.update(written)
        self._written = list(written)
        self._problem: Exception | None = None
        self._in_metaflows_form: list[Any] = []

    @property
    def triggers(self) -> list[Any]:
        """What starts the flow in Metaflow's own form. Raises MetaflowException for what that form cannot say."""
        if isinstance(self._problem, MetaflowException):
            raise self._problem
        if self._problem is not None:
            raise MetaflowException(f"@{self.name}: {self._problem}")  # type: ignore[attr-defined]
        if self.attributes.get("require") == "any" and len(self._in_metaflows_form) > 1:
            told = _NotInMetaflowsForm("require='any' of several")  # Metaflow waits for all of them
            raise MetaflowException(f"@{self.name}: {told}")  # type: ignore[attr-defined]
        return self._in_metaflows_form

    @triggers.setter
    def triggers(self, value: list[Any]) -> None:
        self._in_metaflows_form = value

    @property
    def raw_arguments(self) -> dict[str, Any]:
        """The keyword arguments that the user wrote, with configuration values filled in once Metaflow has them."""
        names = [key for key in self._written if key in self.attributes]
        # `**config_expr(...)` becomes arguments only when Metaflow resolves it.
        late = [key for key in self.attributes if key not in self.defaults or key in self._user_defined_attributes]
        both = [*names, *(key for key in late if key not in names)]
        return {key: self.attributes[key] for key in both if not key.startswith(_PACKED)}

    @property
    def unknown_arguments(self) -> dict[str, Any]:
        """Those of `raw_arguments` that the decorator does not have."""
        return {key: value for key, value in self.raw_arguments.items() if key not in self.defaults}

    metaflows_own: type
    """The decorator without more arguments."""

    def _form(self) -> dict[str, Any]:
        """The arguments as Metaflow's own decorator takes them. Raises for what it cannot say."""
        raise NotImplementedError

    def flow_init(  # noqa: PLR0917 - Metaflow's signature
        self,
        flow_name: Any,
        graph: Any,
        environment: Any,
        flow_datastore: Any,
        metadata: Any,
        logger: Any,
        echo: Any,
        options: Any,
    ) -> None:
        """Metaflow's hook. Never raises for what the user wrote."""
        self.triggers, self._problem = [], None
        self.options = self.attributes["options"]
        try:
            reader = self.metaflows_own(attributes={**self._form(), "options": self.attributes["options"]})
            reader.flow_init(flow_name, graph, environment, flow_datastore, metadata, logger, echo, options)
        except Exception as error:  # whatever the user wrote: the compiler says it with a code and a place
            self._problem = error
        else:
            self.triggers = reader.triggers

    def format_deploytime_value(self) -> None:
        """Evaluate `triggers` in place, as Metaflow's. Raises MetaflowException for what its form cannot say."""
        if self.triggers:
            super().format_deploytime_value()  # type: ignore[misc]


class TriggerDecorator(_Lenient, _upstream.TriggerDecorator):
    """
    Specifies the event(s) that this flow depends on.

    ```
    @trigger(event='foo')
    @trigger(events=['foo', 'bar'], require='any')
    @trigger(event={'name': 'foo', 'parameters': {'flow_param': 'event_field'}})
    @trigger(event={'name': 'foo', 'parameters': ['common_name', ('flow_param', 'event_field')]})
    @trigger(event=namespaced_event_name('foo'))
    ```

    Parameters
    ----------
    event : Union[str, Dict[str, Any], Callable[[Any], Union[str, Dict[str, Any]]]], optional, default None
        One event: its name, a dict with `name` and `parameters`, or a function that returns either at deploy time.
    events : List[Union[str, Dict[str, Any], Callable[[Any], Union[str, Dict[str, Any]]]]], default []
        Several events.
    require : str, optional, default None
        'any' or 'all' of several events.
    options : Dict[str, Any], default {}
        Backend-specific configuration.

    MF Add To Current
    -----------------
    trigger -> metaflow_extensions.triggers.plugins.trigger_object.Trigger
        Returns `Trigger` if the current run is triggered by an event

        @@ Returns
        -------
        Trigger
            `Trigger` if triggered by an event
    """

    defaults = {**_upstream.TriggerDecorator.defaults, "require": None}  # noqa: RUF012 - Metaflow's own shape

    metaflows_own = _upstream.TriggerDecorator

    def _form(self) -> dict[str, Any]:
        return {"event": _event(self.attributes["event"]), "events": _events(self.attributes["events"])}


class TriggerOnFinishDecorator(_Lenient, _upstream.TriggerOnFinishDecorator):
    """
    Specifies the flow(s) that this flow depends on.

    ```
    @trigger_on_finish(flow='FooFlow')
    @trigger_on_finish(flows=['FooFlow', 'BarFlow'])
    @trigger_on_finish(flow='FooFlow', match='failure')
    @trigger_on_finish(flow='my_project.branch.FooFlow')
    @trigger_on_finish(flow={'name': 'FooFlow', 'project': 'my_project', 'project_branch': 'branch'})
    ```

    Parameters
    ----------
    flow : Union[str, Dict[str, str], Callable[[Any], Union[str, Dict[str, str]]]], optional, default None
        Upstream flow dependency for this flow.
    flows : List[Union[str, Dict[str, str]]], default []
        Upstream flow dependencies for this flow.
    match : Union[str, List[str]], optional, default None
        The outcome that starts this flow: 'success' (the default), 'failure', 'timeout', 'aborted', 'finish' (any).
    require : str, optional, default None
        'any' or 'all' of several flows.
    parameters : Union[Dict[str, str], List[Union[str, Tuple[str, str]]]], optional, default None
        Flow parameters from the outcome: flow, run_id, outcome, project, branch, step, error.
    filter : Dict[str, Any], optional, default None
        Content pattern over the outcome.
    options : Dict[str, Any], default {}
        Backend-specific configuration.

    MF Add To Current
    -----------------
    trigger -> metaflow_extensions.triggers.plugins.trigger_object.Trigger
        Returns `Trigger` if the current run is triggered by an event

        @@ Returns
        -------
        Trigger
            `Trigger` if triggered by an event
    """

    defaults = {  # noqa: RUF012 - Metaflow's own shape
        **_upstream.TriggerOnFinishDecorator.defaults,
        "match": None,
        "require": None,
        "parameters": None,
        "filter": None,
    }
    metaflows_own = _upstream.TriggerOnFinishDecorator

    def flow_init(  # noqa: PLR0917 - Metaflow's signature
        self,
        flow_name: Any,
        graph: Any,
        environment: Any,
        flow_datastore: Any,
        metadata: Any,
        logger: Any,
        echo: Any,
        options: Any,
    ) -> None:
        """Metaflow's hook. Never raises for what the user wrote, but for a wrong `--trigger` on the command line."""
        context = (flow_name, graph, environment, flow_datastore, metadata, logger, echo)
        super().flow_init(*context, {**options, "trigger": None})
        self._name_production()
        self._option_values = options
        if options.get("trigger"):
            # Metaflow's own handling of the option, on a decorator that is certainly well formed.
            _upstream.TriggerOnFinishDecorator({"flow": "AnyFlow"}).flow_init(*context, options)
            from .trigger_object import Trigger

            current._update_env({"trigger": Trigger.of_upstream(current.trigger)})

    def format_deploytime_value(self) -> None:
        """See `_Lenient.format_deploytime_value`."""
        super().format_deploytime_value()
        self._name_production()

    def _form(self) -> dict[str, Any]:
        _only_success(self.attributes["match"])
        for name in ("parameters", "filter"):
            if self.attributes[name]:
                raise _NotInMetaflowsForm(f"`{name}` of @trigger_on_finish")
        return {"flow": _flow(self.attributes["flow"]), "flows": _flows(self.attributes["flows"])}

    def _name_production(self) -> None:
        # `production` and `prod` both name the production branch; Metaflow knows `prod`.
        for trigger in self._in_metaflows_form:
            if TRIGGERS_COMPAT != "upstream" and isinstance(trigger, dict) and trigger.get("branch") == "production":
                trigger["branch"] = "prod"
