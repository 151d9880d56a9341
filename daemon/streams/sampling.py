"""Which frames are analysed: a set number per second, whatever the camera's own rate."""


def next_due(due_ns: int, taken_ns: int, interval_ns: int) -> int:
    """When the next frame is due after one was taken.

    Keeps to the grid, so that 25 frames per second sampled at 5 give 5 although none arrives in time exactly; after a
    gap it starts a new one, so that nothing is caught up in a burst.

    Args:
        due_ns: when the taken frame was due.
        taken_ns: when it was captured, not before due_ns.
        interval_ns: one second by the detection rate.
    """
    return due_ns + interval_ns if taken_ns < due_ns + interval_ns else taken_ns + interval_ns
