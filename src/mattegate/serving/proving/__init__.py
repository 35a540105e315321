"""How facts about strong credentials are found: one prover a kind, each with what it has to look at."""
