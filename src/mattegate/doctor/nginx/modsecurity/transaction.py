"""One request on its way through the rules, phase by phase (``src/rules_set.cc``, ``src/rule_with_actions.cc``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.modsecurity.engine import Engine, Mode
from mattegate.doctor.nginx.modsecurity.matching import Match, matched
from mattegate.doctor.nginx.modsecurity.removals import Removals
from mattegate.doctor.nginx.modsecurity.rules import Marker, Rule
from mattegate.doctor.nginx.modsecurity.sight import REQUEST_BODY, REQUEST_HEADERS, Sight

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.modsecurity.asked import Asked
    from mattegate.doctor.nginx.modsecurity.values import Value

_UNDISTURBED: Final = 200
"""The status of a request that nothing has refused."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A rule or a limit ends the request for sure."""

    line: Directive
    status: int | None
    """``None``: nobody can tell which."""
    rule: Rule | None = None
    """``None``: it is the limit of the body."""


@dataclass(slots=True)
class Transaction:
    """Mutable on purpose: it is the ``Transaction`` of the engine."""

    engine: Engine
    asked: Asked
    mode: Mode = field(init=False)
    sight: Sight = field(init=False)
    body_access: Value = field(init=False)
    status: int | None = _UNDISTURBED
    unsure: bool = False
    """Whether something may have switched off whatever comes now."""
    may: list[Refused] = field(default_factory=list)
    """What may be a refusal."""
    raised: list[Rule] = field(default_factory=list)
    """The rules with a message that raised a score for sure."""
    _over: Refused | None = None
    """The refusal of a body that is over the limit, until a rule has run."""
    _removals: Removals = field(default_factory=Removals)
    _skip_to: str = ""
    _may_skip_to: str = ""
    _skip: int = 0
    _may_skip: int = 0
    _allowed_until: int = 0

    def __post_init__(self) -> None:
        self.mode = self.engine.mode
        self.sight = Sight(self.engine, self.asked)
        self.body_access = self.engine.says("secrequestbodyaccess") or "on"
        for line in self.engine.removals:
            self._removals.remove(line.name.lower().removeprefix("secruleremove"), " ".join(line.args), sure=True)
        for line in self.engine.updates:
            what = line.name.lower().removeprefix("secruleupdatetarget").removeprefix("secruleupdateaction")
            self._removals.touch(what, line.args[0] if line.args else "")

    @property
    def may_refuse(self) -> bool:
        """Whether the engine is on, or may be."""
        return self.mode is Mode.ON or self.unsure

    def headers(self) -> Refused | None:
        """The phase of the headers."""
        return self._run(REQUEST_HEADERS) if self.mode is not Mode.OFF else None

    def body(self) -> Refused | None:
        """The limit of the body, and the phase of the body."""
        self._over = self._limited()
        if self.mode is Mode.OFF or self.body_access == "off":
            return self._over
        self.unsure = self.unsure or self.body_access is None
        return self._run(REQUEST_BODY)

    def _limited(self) -> Refused | None:
        """``appendRequestBody``: a refusal only where ``Reject`` is written, and the engine is on.

        The rules of the phase are run all the same: see :meth:`_after_limit`.
        """
        limit = self.engine.limit("secrequestbodylimit") or 0
        if not 0 < limit < self.asked.body_bytes:
            return None
        self.sight.cut_off()
        rejects = self.engine.says("secrequestbodylimitaction") == "reject"
        return Refused(self.engine.settings["secrequestbodylimit"], 403) if rejects and self.may_refuse else None

    def _after_limit(self, rule: Rule, over: Refused, *, holds: bool | None, sure: bool) -> Refused | None:
        """The first rule that is run after the limit: one that matches and passes takes the refusal back.

        So the Core Rule Set, whose first rule of this phase passes, lets bodies over the limit in, unless a rule that
        does not match comes before it, as in modsecurity.conf-recommended.
        """
        self._over = None
        passes = holds is not False and self._passes(rule)
        if passes and holds and sure:
            return None
        own = self._written_status(rule) if holds is not False else over.status
        status = own if holds or own == over.status else None
        return self._said(replace(over, status=status), sure=sure and not passes and not self._removals.has(rule))

    def _written_status(self, rule: Rule) -> int | None:
        """The status that a rule or its defaults name; that of a refusal where they name none."""
        return next((int(text) for text in reversed(list(self._statuses(rule)))), 403)

    def _statuses(self, rule: Rule) -> Iterator[str]:
        defaults = (default.last("status") for default in self.engine.defaults.get(rule.phase, ()))
        return filter(str.isdecimal, (*defaults, rule.actions.last("status")))

    def _passes(self, rule: Rule) -> bool:
        kind = rule.actions.disruptive
        return kind == "pass" or (kind == "block" and "pass" in self._default_disruptions(rule))

    def _said(self, refused: Refused, *, sure: bool) -> Refused | None:
        """A refusal that is sure; its status is not where something before it may have refused with another."""
        if not sure:
            self.may.append(refused)
            return None
        same = all(other.status == refused.status for other in self.may)
        return refused if same else replace(refused, status=None)

    # --- the rules of a phase -------------------------------------------------------------------------------------

    def _run(self, phase: int) -> Refused | None:
        self.sight.phase = phase
        if self._allowed_until >= phase:
            return None
        for rule in self.engine.phases.get(phase, ()):
            if isinstance(rule, Marker):
                self._passed(rule)
            elif not self._skipped():
                refused = self._rule(rule)
                if refused is not None:
                    return refused
                if self._allowed_until >= phase:
                    break
        return self._said(self._over, sure=not self.unsure) if self._over is not None else None

    def _passed(self, marker: Marker) -> None:
        self._skip_to = "" if self._skip_to == marker.name else self._skip_to
        self._may_skip_to = "" if self._may_skip_to == marker.name else self._may_skip_to

    def _skipped(self) -> bool:
        if self._skip_to:
            return True
        if self._skip:
            self._skip -= 1
            return True
        return False

    def _rule(self, rule: Rule) -> Refused | None:
        sure = not (self.unsure or self._may_skip_to or self._may_skip)
        self._may_skip = max(self._may_skip - 1, 0)
        holds = self._evaluated(rule, sure=sure)
        if self._over is not None and (refused := self._after_limit(rule, self._over, holds=holds, sure=sure)):
            return refused
        if holds is False:
            return None
        return self._disrupted(rule, sure=sure and holds is True)

    def _evaluated(self, rule: Rule, *, sure: bool, first: Rule | None = None) -> bool | None:
        """Whether a rule and those chained to it match; what they set is set. ``first`` began the chain."""
        first = first or rule
        if self._removals.has(rule):
            return False
        match = matched(rule, self.sight)
        if self._removals.may_have(rule):
            match = match.unsure()
        if match.holds is False:
            return False
        if self._set_variables(rule, match, sure=sure) and first.actions.all("msg") and first not in self.raised:
            self.raised.append(first)
        holds: bool | None = match.holds
        if rule.chained is not None:
            inner = self._evaluated(rule.chained, sure=sure and holds is True, first=first)
            holds = inner if holds or inner is False else None
        if holds is not False:
            self._effects(rule, sure=sure and holds is True)
        return holds

    def _disrupted(self, rule: Rule, *, sure: bool) -> Refused | None:
        if not self.may_refuse:
            return None
        if rule.actions.disruptive == "allow":
            self._allow(rule, sure=sure)
        if rule.actions.disruptive == "pass" and sure:
            self.status = _UNDISTURBED
        if not self.engine.refuses(rule):
            return None
        return self._said(Refused(rule.line, self._refusing_status(rule), rule), sure=sure)

    def _refusing_status(self, rule: Rule) -> int | None:
        if {"redirect", "proxy"} & {rule.actions.disruptive, *self._default_disruptions(rule)}:
            return None
        return 403 if self.status == _UNDISTURBED else self.status

    def _default_disruptions(self, rule: Rule) -> Iterator[str]:
        if rule.actions.disruptive == "block":
            yield from (default.disruptive for default in self.engine.defaults.get(rule.phase, ()))

    def _allow(self, rule: Rule, *, sure: bool) -> None:
        """``allow``: the rest of this phase, of the request's phases, or of all."""
        if not sure:
            self.unsure = True
            return
        until = {"phase": self.sight.phase, "request": REQUEST_BODY}.get(rule.actions.last("allow").lower(), 5)
        self._allowed_until = max(self._allowed_until, until)

    # --- what rules do --------------------------------------------------------------------------------------------

    def _effects(self, rule: Rule, *, sure: bool) -> None:
        """What a rule does once its chain has matched, but for refusing."""
        for status in self._statuses(rule):
            self.status = int(status) if sure else None
        for text in rule.actions.all("ctl"):
            self._control(text, sure=sure)
        self._skip_ahead(rule, sure=sure)

    def _skip_ahead(self, rule: Rule, *, sure: bool) -> None:
        marker, count = rule.actions.last("skipafter"), rule.actions.last("skip", "0")
        number = int(count) if count.isdecimal() else 0
        if sure:
            self._skip_to = marker or self._skip_to
            self._skip = number
        else:
            self._may_skip_to = self._may_skip_to or marker
            self._may_skip = max(number, self._may_skip)

    def _control(self, text: str, *, sure: bool) -> None:
        name, _, value = text.partition("=")
        name = name.strip().lower()
        if name == "ruleengine":
            self._switch(value.strip().lower(), sure=sure)
        elif name == "requestbodyaccess":
            self.body_access = value.strip().lower() if sure else None
        elif name == "requestbodyprocessor":
            self.sight.processor = value.strip().upper() if sure else None
        elif name.startswith("ruleremovetarget"):
            self._removals.touch(name.removeprefix("ruleremovetarget"), value.partition(";")[0])
        elif name.startswith("ruleremove"):
            self._removals.remove(name.removeprefix("ruleremove"), value, sure=sure)

    def _switch(self, word: str, *, sure: bool) -> None:
        if word not in set(Mode) or Mode(word) is self.mode:
            return
        if sure:
            self.mode = Mode(word)
        else:
            self.unsure = True

    def _set_variables(self, rule: Rule, match: Match, *, sure: bool) -> bool:
        """``setvar`` runs for each value that matches, whatever comes of the chain; so do the captures.

        Whether a number was raised for sure.
        """
        raised = False
        if rule.actions.all("capture"):
            known = sure and match.holds is True
            for index, text in enumerate(match.captures if known else [None] * 10):
                self.sight.store.put(str(index), text, sure=known)
        for text in rule.actions.all("setvar"):
            if match.certain and sure:
                for _ in range(match.certain):
                    self._set_variable(text, sure=True)
                raised = raised or "=+" in text
            if match.possible or not sure:
                self._set_variable(text, sure=False)
        return raised

    def _set_variable(self, text: str, *, sure: bool) -> None:
        name, given, written = text.partition("=")
        collection, _, key = name.strip().removeprefix("!").partition(".")
        if collection.lower() != "tx" or "%{" in key:
            return
        key = key.lower()
        value = self.sight.expanded(written[1:] if written[:1] in {"+", "-"} else written) if given else "1"
        if name.strip().startswith("!"):
            self.sight.store.unset(key, sure=sure)
        elif written.startswith("+"):
            self.sight.store.add(key, value, sure=sure)
        else:
            self.sight.store.put(key, value, sure=sure and not written.startswith("-"))
