"""Logs: to people, to the journal, as JSON; without secrets, without floods."""

from daemon.logs.setup import set_up_logs

__all__ = ["set_up_logs"]
