"""The face detector: its training scenes, its network, its training and its evaluation."""
