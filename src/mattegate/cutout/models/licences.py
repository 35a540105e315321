"""Which licences the operator of this home has acknowledged, by name, once per model."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from mattegate.cutout.models import disk
from mattegate.cutout.models.readability import explain_unreadable, this_process
from mattegate.cutout.models.spec import ModelSpec
from mattegate.vocabulary.refusal import Refusal

FILE: Final = "licences.json"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One licence read and accepted for one model. ``at`` is ISO 8601, UTC."""

    model: str
    licence: str
    at: str


class Acknowledgements:
    """The file ``licences.json`` of one models folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def all(self) -> tuple[Acknowledgement, ...]:
        """Everything acknowledged so far. Raises :class:`Refusal` ``model.storage`` where the file is damaged."""
        try:
            entries = json.loads(self._path.read_text(encoding="utf-8"))["acknowledged"]
            return tuple(Acknowledgement(**entry) for entry in entries)
        except FileNotFoundError:
            return ()
        except PermissionError:
            raise explain_unreadable(self._path, this_process(), model=FILE) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            problem = f"{self._path} cannot be read: {error}"
            raise Refusal("model.storage", model=FILE, problem=problem) from error

    def covers(self, spec: ModelSpec) -> bool:
        """Whether the weights may load: nothing to acknowledge, or this very licence acknowledged for this model."""
        if not spec.licence.needs_acknowledgement:
            return True
        return any(entry.model == spec.name and entry.licence == spec.licence.id for entry in self.all())

    def require(self, spec: ModelSpec) -> None:
        """Raise :class:`Refusal` ``model.licence`` unless :meth:`covers`."""
        if not self.covers(spec):
            raise _unacknowledged(spec)

    def acknowledge(self, spec: ModelSpec, licence: str, *, at: str) -> None:
        """Record that the operator named ``licence`` for this model.

        Raises :class:`Refusal` ``model.licence`` where the model's licence is another one: naming it is the point.
        """
        if licence != spec.licence.id:
            raise _unacknowledged(spec)
        with disk.storing(spec.name):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with disk.locked(self._path.with_name(".licences.lock")):
                entry = Acknowledgement(spec.name, licence, at)
                kept = [known for known in self.all() if (known.model, known.licence) != (entry.model, entry.licence)]
                text = json.dumps({"version": 1, "acknowledged": [asdict(known) for known in [*kept, entry]]}, indent=2)
                disk.write_atomically(self._path, text.encode() + b"\n")


def _unacknowledged(spec: ModelSpec) -> Refusal:
    licence = spec.licence
    return Refusal("model.licence", model=spec.name, licence=licence.title, licence_id=licence.id)
