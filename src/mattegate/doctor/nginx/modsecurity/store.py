"""The variables that rules set for one request, ``TX``, by names in small letters (``src/actions/set_var.cc``)."""

from __future__ import annotations

from dataclasses import dataclass, field

from mattegate.doctor.nginx.modsecurity.values import Value, Values, plus


@dataclass(slots=True)
class Store:
    """What is set; a variable that may be set or not is unknown."""

    _values: dict[str, Value] = field(default_factory=dict)

    def all(self) -> Values:
        """Every variable."""
        return Values(tuple(self._values.items()))

    def named(self, key: str) -> Values:
        """The variable of a name in small letters; none where it is not set."""
        return Values(((key, self._values[key]),) if key in self._values else ())

    def put(self, key: str, value: Value, *, sure: bool) -> None:
        """Give a variable a value."""
        self._values[key] = value if sure else None

    def add(self, key: str, value: Value, *, sure: bool) -> None:
        """Add to a number; one that is not set is 0."""
        if key not in self._values and not sure:
            self._values[key] = None
        else:
            self._values[key] = plus(self._values.get(key, "0"), value, sure=sure)

    def unset(self, key: str, *, sure: bool) -> None:
        """Take a variable away."""
        if sure:
            self._values.pop(key, None)
        elif key in self._values:
            self._values[key] = None
