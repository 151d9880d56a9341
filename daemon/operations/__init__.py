"""How the daemon is seen and steered while it runs: status, control, metrics, health."""
