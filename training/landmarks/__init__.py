"""The network that places the five landmarks of a face that a detector found, and says whether it is one."""
