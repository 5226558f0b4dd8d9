"""The sound of one segment, out of its programme."""

import wave

import numpy as np
from numpy.typing import NDArray

from tasks.errors import BadInput
from tasks.job import SAMPLE_RATE, SAMPLES_PER_FRAME, Segment


def read_sound(segment: Segment) -> NDArray[np.int16]:
    """The segment's own samples, mono at `SAMPLE_RATE`: `segment.frames * SAMPLES_PER_FRAME` of them.

    Raises:
        BadInput: The file is not the programme that the segment was planned on.
    """
    with wave.open(str(segment.wav), "rb") as file:
        form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        if form != (1, 2, SAMPLE_RATE):
            raise BadInput(f"{segment.wav} is {form}, not mono 16-bit sound at {SAMPLE_RATE} Hz")
        if file.getnframes() < segment.end_frame * SAMPLES_PER_FRAME:
            raise BadInput(f"{segment.wav} ends before frame {segment.end_frame}: it is not what was planned on")
        file.setpos(segment.start_frame * SAMPLES_PER_FRAME)
        return np.frombuffer(file.readframes(segment.frames * SAMPLES_PER_FRAME), np.int16)
