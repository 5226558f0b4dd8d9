"""Media files and child processes: files come in; frames and samples go out, and back.

    ffmpeg.py            ffmpeg commands, the only module that starts a program
    decode.py            customers' audio and video, decoded in process with PyAV
    images.py            customers' images, in a few named formats
    phase.py             stereo recordings whose channels cancel each other in mono
    inputs.py            customers' files, checked before anything is rendered
    lossless.py          the lossless video between the stages
    timed_text.py        the caption track of MP4
    loudness.py          loudness (EBU R128), music under the voice
    processes.py         which processes a driver has started, so that they end with it
    die_with_parent.py   the wrapper that ends ffmpeg when the process that started it dies

May import `speech`, `records`, `job` and `errors`. Only this package may import `subprocess` and `ffmpeg`.
"""
