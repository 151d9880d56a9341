"""The demo: a simulated camera, two enrolled people, and the real daemon."""
