"""Settings: one frozen object per part, read once at start from file, environment and flags."""
