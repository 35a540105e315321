"""ModSecurity within nginx: its rule files read, and the rules that a request meets run as far as they are known.

Rules of this room:

1. Every answer has three values: a rule matches, it does not, or nobody can tell here. What may have happened is kept
   as what may have happened: a score that may have been raised is known from below.
2. A refusal is sure only where the rule that refuses matches for sure and the engine is on for sure; a rule that may
   refuse makes the request's end unsure, never a finding.
3. Only what may be read is read, like every other file of a configuration.

Sources: libmodsecurity 3.0.9 (``src/rules_set.cc``, ``src/rule_with_operator.cc``, ``src/rule_with_actions.cc``,
``src/transaction.cc``) and ModSecurity-nginx 1.0.3.
"""
