"""The HTTP side: reads requests under limits, asks the engine, explains every refusal.

Rules of this folder: no pixel library is imported here, images are only ever encoded bytes; nothing prints; every
answer that is not a success is a :class:`~mattegate.vocabulary.refusal.Refusal` rendered by one function.
"""
