"""The doctor: which layer really refused, with evidence and a proven fix.

Rules of this room:

1. It runs alone: the standard library and :mod:`mattegate.vocabulary`, nothing else. A locked box has no more.
2. Inputs become :class:`~mattegate.doctor.observation.Observation` values (readers, probes); what is known about layers
   becomes :class:`~mattegate.doctor.clue.Clue` values (signatures, the nginx model, probes, reviews); attribution joins
   clues into one :class:`~mattegate.doctor.answer.Answer`; renderers show it. Data walks one way.
3. Never an alarm without evidence. What is not modelled is named in ``not_checked``, and the verdict says "undecided".
4. Whatever is read is hostile: bounded, stripped of control characters, and its secrets never leave.
"""
