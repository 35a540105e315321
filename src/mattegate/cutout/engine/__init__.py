"""The engine: a queue with priorities in front of worker processes that each hold loaded models."""
