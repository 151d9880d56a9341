"""Measurements of this machine and this installation that need no camera."""
