"""Exit codes of the workers, and what their end means to the supervisor; some are also the daemon's own."""

EXIT_ENDED = 0
"""The source has ended and every frame of it was analysed, or the worker was asked to stop."""

EXIT_FAILURE = 1
"""Anything else: tried again, after a while; the daemon by systemd."""

EXIT_CANNOT_OPEN = 3
"""A file that cannot be read: not tried again, others go on."""

EXIT_CANNOT_BOOT = 4
"""A model or the store is missing or damaged: the daemon ends with it too, and systemd's unit does not start it again,
for a restart would not help."""
