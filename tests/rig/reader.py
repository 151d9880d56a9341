"""`python -m rig.reader`: reads what standard input names, one task a line, as the camera worker does.

Says how each ended and how many pictures there were. Any other error than a refusal ends it.
"""

import sys
from pathlib import Path

import av
import msgspec

from daemon.frames import FrameRing, FrameTimes, Outcome
from daemon.streams.faults import SourceError
from daemon.streams.pictures import to_picture
from daemon.streams.source import Source
from daemon.workers.task import CameraTask


def read(task: CameraTask, ring: FrameRing) -> str:
    pictures = 0
    try:
        with Source.open(task) as source:
            for arrival in source.frames():
                if arrival.frame is not None:
                    try:
                        picture = to_picture(arrival.frame)
                    except (av.FFmpegError, ValueError):
                        continue
                    pictures += 1
                    token = ring.write(
                        picture.planes, FrameTimes.now(), bt709=picture.bt709, full_range=picture.full_range
                    )
                    if token:
                        ring.consume(token.sequence, Outcome.ANALYSED)
    except SourceError as error:
        return f"{error.state} {pictures}"
    return f"ended {pictures}"


def main() -> None:
    ring: FrameRing | None = None
    for line in sys.stdin:
        task = msgspec.json.decode(line, type=CameraTask)
        if ring is None:
            ring = FrameRing.attach(Path(task.ring))
            ring.take_over_writing()
        print(read(task, ring), flush=True)


if __name__ == "__main__":
    main()
