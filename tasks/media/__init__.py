"""Media files and child processes: files come in; frames and samples go out, and back.

    ffmpeg.py            ffmpeg commands; only this module, festival.py and detached.py start programs
    decode.py            customers' audio and video, decoded in process with PyAV
    images.py            customers' images, in a few named formats
    phase.py             stereo recordings whose channels cancel each other in mono
    denoise.py           noise taken out of recordings, where DeepFilterNet is installed
    inputs.py            customers' files, checked before anything is rendered
    lossless.py          the lossless video between the stages
    timed_text.py        the caption track of MP4
    loudness.py          loudness (EBU R128), music under the voice
    sound.py             where a programme is heard
    festival.py          speech from recordings of people, by Debian's festival, for training
    detached.py          commands of ours that outlive the process that starts them
    processes.py         which processes a driver has started, so that they end with it
    die_with_parent.py   the wrapper that ends ffmpeg when the process that started it dies

May import `speech`, `records`, `job` and `errors`. Only this package may import `subprocess` and `ffmpeg`.
"""
