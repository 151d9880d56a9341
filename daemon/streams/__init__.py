"""Cameras and files: opening, decoding, and what can go wrong with them.

redaction   no password in any text
faults      libav's errors to the states of a camera
names       a camera's host, looked up within a bound
knocking    whether anybody is there
backoff     when to try again
media_time  how far into a recording a frame is
clocks      when a frame was captured, and how a file is paced
sampling    which frames are analysed
pictures    decoded frames to YUV 4:2:0 planes
motion      whether a picture differs from the one that was looked at last
privacy     parts of the picture that nobody may see
stream_clock  when a stream's frames were captured, to match two streams
packet_ring  the newest packets of a stream that is not decoded
demand_decoder  single frames from held packets
accelerators  decoders of GPUs, and why one cannot be used
stream_decoder  decodes one stream by a GPU or by the processor
source      one open camera or file
attempts    one attempt after the other at a camera
"""
