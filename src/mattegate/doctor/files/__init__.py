"""Whether an account may open a path, and which component stops it: the kernel's rules, worked out without trying.

Rules of this room:

1. ``walk`` is pure: it asks a :class:`~mattegate.doctor.files.walk.Look`, which may be this machine or a recorded tree.
2. The advice is the smallest change that lets the account through, tried in the model first. Never ``chmod -R``, never
   777, never another owner: a server that may write what it serves is the next fault.
3. What is not judged here: SELinux and AppArmor, read-only and noexec mounts, immutable files, user namespaces.
"""
