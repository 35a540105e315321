"""The counterfactual: what a real nginx answers with the configuration as it is, and with one line changed.

Rules of this room:

1. The given file is never run. A new one is rendered from a list of directives that cannot reach outside
   (:mod:`~mattegate.doctor.prove.allowed`); what is not on it is left out, and named.
2. The program runs without rights, in a folder of its own, with limits on everything, and everything it would talk to
   is a stand-in (:mod:`~mattegate.doctor.prove.sandbox`). What was put in the place of something real is named too.
3. :mod:`~mattegate.doctor.nginx.edits` is pure, so that whoever suggests a change needs no experiment for it.
4. A proof that cannot be had is a :class:`~mattegate.doctor.prove.proof.CannotProve` with the reason, never a guess.
"""
