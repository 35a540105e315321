"""Making and checking credentials, pure: keys, digests, checksums. No I/O, no clock."""
