"""Decodes single frames of a stream whose packets are held, from the keyframe before each."""

import av
from av import CodecContext, VideoFrame
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext

from daemon.errors import StreamError
from daemon.streams.packet_ring import HeldPacket, Way


class UndecodableError(StreamError):
    """The wanted frame does not come out of the decoder, or it comes with visible damage."""


class DemandDecoder:
    """Goes on from where it stands, if the next wanted frame lies further on the same way; belongs to one thread.

    Args:
        codec: libav's name of it.
        extradata: what the stream says of itself outside of its packets (parameter sets).
        options: of the codec.
    """

    def __init__(self, codec: str, extradata: bytes | None, options: dict[str, str]) -> None:
        context = CodecContext.create(codec, "r")
        assert isinstance(context, VideoCodecContext)
        if extradata:
            context.extradata = extradata
        # One frame now and then: more threads would only hold more of them back.
        context.thread_type, context.thread_count = "NONE", 1
        context.options = options
        self._context = context
        self._first = self._next = 0
        """Numbers of the keyframe that this way began with, and of the packet that comes next."""
        self._newest: dict[int, VideoFrame] = {}
        """By number: the frame that was asked for last. A frame often has several faces."""

    def steps(self, way: Way) -> int:
        """Returns how many packets have to be decoded at least."""
        if way.wanted.number in self._newest:
            return 0
        return way.wanted.number + 1 - (self._next if self._goes_on(way) else way.packets[0].number)

    def decode(self, way: Way) -> VideoFrame:
        """Returns the wanted frame.

        Raises:
            UndecodableError: packets are missing or damaged.
        """
        frame = self._newest.get(way.wanted.number)
        if frame is None:
            try:
                frame = self._walk(way)
            except av.error.FFmpegError:
                self._start_anew()
                raise UndecodableError("packets of the main stream are damaged") from None
            self._newest = {way.wanted.number: frame}
        if frame.is_corrupt:
            raise UndecodableError("the frame of the main stream is damaged")
        return frame

    def _goes_on(self, way: Way) -> bool:
        return way.packets[0].number == self._first and self._next <= way.wanted.number

    def _walk(self, way: Way) -> VideoFrame:
        if not self._goes_on(way):
            self._start_anew()
            self._first = self._next = way.packets[0].number
        for held in way.packets:
            if held.number < self._next:
                continue
            self._next = held.number + 1
            for frame in self._context.decode(_packet(held)):
                if frame.pts == way.wanted.number:
                    return frame
        # The decoder holds back what packets that are not here yet might have to precede.
        rest = self._context.decode(None)
        self._start_anew()
        for frame in rest:
            if frame.pts == way.wanted.number:
                return frame
        raise UndecodableError("the main stream's decoder gives no such frame")

    def _start_anew(self) -> None:
        if self._context.is_open:
            self._context.flush_buffers()
        self._first = self._next = 0


def _packet(held: HeldPacket) -> "av.Packet[Stream]":
    """Its number stands in for its timestamp, which a camera may leave out: so its picture is known again."""
    packet = av.Packet(held.data)
    packet.pts = held.number
    return packet
