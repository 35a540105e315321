"""Why nginx itself refuses a request: from the mechanism that decided to the cause.

``mechanism`` knows who is asked about which mechanism; ``access``, ``returned``, ``demands`` and ``absence`` each tell
the causes of one kind of refusal, and the mistakes next to it that refuse nobody; ``told`` is what they share.
"""
