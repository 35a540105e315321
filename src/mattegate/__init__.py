"""mattegate: a self-hosted background-removal API whose every refusal explains itself."""

__version__ = "0.1.0"
