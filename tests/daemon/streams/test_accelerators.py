import av
import pytest
from rig.clips import read_number

from daemon.streams.accelerators import ACCELERATORS, AcceleratorError, accelerated, find_lack
from daemon.streams.pictures import to_picture
from daemon.streams.stream_decoder import StreamDecoder


@pytest.mark.parametrize("accelerator", ACCELERATORS)
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_gpu_decodes_as_the_processor_does(accelerator, codec, make_clip):
    if lack := find_lack(accelerator):
        pytest.skip(lack)
    with av.open(make_clip(codec)) as container:
        stream = container.streams.video[0]
        decoder = StreamDecoder(stream.codec_context, accelerator)
        frames = [frame for packet in container.demux(stream) for frame in decoder.decode(packet)]
    assert decoder.accelerator == accelerator, decoder.fallback
    assert [read_number(to_picture(frame).planes[0]) for frame in frames] == list(range(30))


@pytest.mark.parametrize("accelerator", ACCELERATORS)
def test_what_is_lacking_is_told_with_what_to_do(accelerator):
    cause, _, fix = find_lack(accelerator).partition(". ")
    assert bool(cause) == bool(fix)


@pytest.mark.parametrize("accelerator", ACCELERATORS)
def test_a_format_that_no_gpu_decodes_is_lacking_whatever_gpu_there_is(accelerator):
    with pytest.raises(AcceleratorError, match=rf"cannot decode gif with {accelerator}\. Build PyAV"):
        accelerated("gif", accelerator)
