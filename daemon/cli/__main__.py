"""`python -m daemon.cli`, the same as `deconvid`."""

from daemon.cli import main

main()
