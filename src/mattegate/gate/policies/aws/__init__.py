"""Resource policies as AWS writes them, in Cedar: what can be said is said exactly, the rest is refused by name."""
