"""What is remembered: keys, limits, usage, decisions. The only room that knows a database."""
