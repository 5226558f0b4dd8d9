"""Quality control: clips and finished videos come in; what was measured on them, and verdicts, go out.

    measure.py          figures of a segment's clip, or of a finished video, by name
    moving_picture.py   black and frozen frames, flicker, jumps
    face.py             the face: lost, outside, not the portrait's, its colour, its sharpness
    lips.py             mouth and speech: in silence, in speech, at the same time
    sound.py            missing and clipped sound, clicks
    caption_times.py    captions beyond the video, over each other, without speech
    curves.py           the worst stretch and the longest run of a curve
    judge.py            figures against `thresholds.toml`
    control.py          the quality control of a batch: what is usual in it, and whether another seed may help

May import `renderers`, `manifest` and what these may. docs/quality-control.md says what each finding means.
"""
