"""Scheduled work: reminders, sweeps, retention."""
