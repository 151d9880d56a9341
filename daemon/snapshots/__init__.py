"""Pictures beside events: made in the vision worker, kept by the identity worker, if the operator wants them at all."""
