"""Bytes in, cut-out bytes out: codecs, models, refinement and the engine. No HTTP, no authentication here."""
