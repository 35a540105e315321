"""What a browser makes of an exchange between origins, worked out without one.

Rules of this room:

1. ``fetch`` knows the request: what a script may set, what is safelisted, whether the browser asks first. ``check``
   knows the answers' headers, ``judge`` what becomes of the request and what script gets to read. All three are pure.
   ``live`` asks a real server.
2. The Fetch standard decides. Where Chromium is known to differ, both are said, and a test holds it against Chromium.
3. The browser's words stand in ``console`` alone, for judging and for reading consoles alike.
"""
