"""Speech: a script or a recording comes in; sound, and words with times, go out.

    script.py       Markdown scripts to sentences, words, headings and pauses
    variables.py    `{{variables}}` in scripts and titles
    limits.py       how much a script may hold
    sentences.py    running text to sentences and words as they are shown
    boundaries.py   sentence boundary disambiguation
    emoji.py        which characters form one emoji
    addresses.py    web and e-mail addresses: how they are shown and read
    normalise.py    text normalisation: how numbers, dates, money and units are read aloud
    rules.py        the rules that languages share
    english.py      the rules of English
    german.py       the rules of German
    numerals.py     numbers as words
    lexicon.py      pronunciation files: how words are said that voices get wrong
    voice.py        voices: words to sound with a time for each word
    hibari.py       hibari, the neural voice for English that is always there
    kokoro.py       Kokoro, five neural voices of an optional extra
    pronounce.py    words to phonemes
    ipa.py          phonemes in the International Phonetic Alphabet, and as networks take them
    neural.py       what neural voices share: long sentences in pieces, durations to times
    onnx.py         ONNX models: checked, on one thread
    espeak.py       espeak-ng
    piper.py        Piper voices
    catalogue.py    which voices there are
    align.py        forced alignment: where the words of a script are in a recording
    fit.py          how well a sentence fits where it was laid, and how well it has to
    dtw.py          dynamic time warping, for the alignment
    features.py     spectral features, for the alignment
    transcribe.py   Whisper: words of a recording that has no script
    programme.py    the sound of a whole video on disk, its levels and pauses
    language.py     language tags
    writing.py      writing systems: which letters a text has, and which voices read them
    identify.py     language identification: which language a text is written in

May import `job` and `errors`.
"""
