"""The soak: the real daemon on simulated cameras, with faults on schedule, and a judgement of how it bore them."""
