"""Pictures: image and video files come in as arrays; the finished picture goes out.

    portrait.py        the portrait: upright, its faces found, cropped to the picture's proportions
    inspection.py      what a check finds out about portraits, in parallel and remembered
    preflight.py       what a portrait shows, and what of it a renderer cannot draw
    photograph.py      whether a picture is a photograph or a drawing
    driving.py         driving videos: their face, their frames, how much they move
    framing.py         the rendered head in a larger frame, and its backdrop
    aspect.py          the shape of a finished picture
    typeface.py        fonts: the bundled ones and the user's
    stills.py          poster and contact sheet
    provenance.py      the mark that says that a picture is AI-generated
    video_options.py   the options of the finished video
    fonts/             Noto fonts, with their licence

May import `captions`, `media`, `speech`, `records`, `job` and `errors`.
"""
