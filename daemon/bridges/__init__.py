"""Bridges carry events out of the store: to MQTT, to a webhook, into a file."""
