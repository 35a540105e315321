"""Stories of refusals with a real nginx in front of the real gate, from the symptom to the mended answer.

Rules of this room:

1. Everything is real: the programs, the requests, their logs, the doctor's answer and its change. Nothing is scripted
   but the faulty configuration (``scenarios``).
2. Everything listens on loopback, lies in one private folder, and is stopped and removed when a story ends, however it
   ends (``scenery``).
3. A story is a stream of steps (``story``); nothing here prints (``telling`` makes the text).
"""
