"""What anybody would write who wants five pictures a second of a camera: PyAV decodes all, some become BGR.

    python -m benchmarks.bare_decoding rtsp://127.0.0.1:8554/main

Until it is ended; benchmarks/main_stream.py runs it beside the daemon.
"""

import sys

import av

LOOKS_PER_S = 5


def read(url: str) -> None:
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=10) as container:
        due_s = 0.0
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= due_s:
                frame.to_ndarray(format="bgr24")
                due_s = frame.time + 1 / LOOKS_PER_S - 1e-3


if __name__ == "__main__":
    read(sys.argv[1])
