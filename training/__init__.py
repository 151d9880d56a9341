"""Data to weights: networks, degradations, distillation, evaluation, export. Never imported by the daemon."""
