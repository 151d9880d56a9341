"""Faces to people to events: processes, streams, tracking, identity, store, event bus, command line."""
