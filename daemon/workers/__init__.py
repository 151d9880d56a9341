"""One file per process of the daemon."""
