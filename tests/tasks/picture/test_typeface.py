"""Fonts: every script that captions come in is drawn, and what cannot be drawn is named."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.media import ffmpeg
from tasks.media.decode import decode_frames
from tasks.picture import typeface
from tasks.speech.script import parse
from tests.tasks.media_samples import write_clip

SAMPLES = {
    "en": "Quick brown fox",
    "de": "Grüße, Straße",
    "el": "Καλημέρα κόσμε",
    "ru": "Съешь ещё булок",
    "vi": "Tiếng Việt đẹp",
    "ar": "مرحبا بالعالم",
    "he": "שלום עולם",
    "hi": "नमस्ते दुनिया",
    "th": "สวัสดีชาวโลก",
    "zh": "你好，世界",
    "zh-TW": "繁體中文測試",
    "ja": "こんにちは世界",
    "ko": "안녕하세요 세계",
}


ASS = """[Script Info]
ScriptType: v4.00+
PlayResX: 400
PlayResY: 64

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, BorderStyle, Outline, Alignment, Encoding
Style: Default,Noto Sans,40,&H00FFFFFF,1,0,4,-1

[Events]
Format: Layer, Start, End, Style, Text
Dialogue: 0,0:00:00.00,0:00:09.00,Default,"""


def drawn(text: str, language: str, folder: Path) -> NDArray[np.float64]:
    """The brightness of a black picture on which libass has written a text."""
    clip = write_clip(folder / "black.avi", [np.zeros((64, 400, 3), np.uint8)] * 2)
    (folder / "text.ass").write_text(ASS + text, encoding="utf-8")
    frame = ffmpeg.source(clip, "avi").video.filter("ass", "text.ass")
    output = ffmpeg.sink([frame], folder / "out.avi", "avi", **{"c:v": "utvideo"})
    environment = typeface.write_fontconfig(folder, language)
    ffmpeg.execute(output, what="drawing", time_limit_s=60, folder=folder, environment=environment)
    return next(decode_frames(folder / "out.avi")).mean(axis=2)


@pytest.mark.parametrize("language", SAMPLES)
def test_every_script_has_letters(language: str) -> None:
    assert typeface.missing(SAMPLES[language]) == ""


def test_letters_without_a_font_are_named_once() -> None:
    assert typeface.missing("a🎉ሰላም b🎉\n\t") == "🎉ሰላም"


def test_an_emoji_is_named_whole() -> None:
    assert typeface.undrawable("a 👩🏽‍🏫 1️⃣ 🇩🇪 ሰ 👩🏽‍🏫") == ("👩🏽‍🏫", "1️⃣", "🇩🇪", "ሰ")


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("I 🎉 go", "I go"),
        ("🎉 Go", "Go"),
        ("Go 🎉 🇩🇪", "Go"),
        (r"Go 🎉\N👍 on", r"Go\Non"),
        ("go👍 on", "go on"),
        ("go 👍on", "go on"),
        ("good👍job", "goodjob"),
        ("天👍气", "天气"),
        (r"{\1c&H00&}👍 Go{\1c} on", r"{\1c&H00&}Go{\1c} on"),
    ],
)
def test_what_is_left_out_leaves_no_gap(line: str, left: str) -> None:
    event = "Dialogue: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,"
    assert typeface.without_undrawable(f"{event}{line}\n") == f"{event}{left}\n"


def test_the_users_fonts_count(tmp_path: Path) -> None:
    assert typeface.missing("a", tmp_path) == ""
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    assert typeface.missing("ሰ", tmp_path) == "ሰ"


@pytest.mark.parametrize("language", SAMPLES)
def test_libass_draws_each_letter(tmp_path: Path, language: str) -> None:
    letters = SAMPLES[language].split()[0]
    whole, shorter = (drawn(text, language, tmp_path) for text in (letters, letters[:-1]))
    assert whole.max() > 200 and shorter.max() > 200
    assert (np.abs(whole - shorter) > 100).sum() >= 10, "the last letter adds nothing"


def test_letters_without_a_font_are_not_drawn_at_all(tmp_path: Path) -> None:
    assert drawn("🎉ሰላም", "en", tmp_path).max() < 20


def test_chinese_characters_have_the_form_of_their_country(tmp_path: Path) -> None:
    forms = [drawn("骨直", language, tmp_path) for language in ("zh", "ja")]
    assert np.abs(forms[0] - forms[1]).max() > 100


def test_arabic_letters_are_joined_and_run_from_right_to_left(tmp_path: Path) -> None:
    joined, apart = drawn("بببب", "ar", tmp_path), drawn("ب\u200cب\u200cب\u200cب", "ar", tmp_path)
    assert np.ptp(np.nonzero(joined > 128)[1]) < 0.8 * np.ptp(np.nonzero(apart > 128)[1])
    one, other = drawn("א.", "he", tmp_path), drawn("א", "he", tmp_path)
    assert np.nonzero(one > 128)[1].max() > np.nonzero(other > 128)[1].max() + 3, "the full stop is not on the left"


def test_the_order_of_families_follows_the_language() -> None:
    assert typeface.families("ja-JP")[5] == "Noto Sans CJK JP"
    assert typeface.families("zh_Hant")[5] == typeface.families("zh-HK")[5] == "Noto Sans CJK TC"
    assert typeface.families("zh")[5] == typeface.families("fr")[5] == "Noto Sans CJK SC"
    assert all(sorted(typeface.families(tag)) == sorted(typeface.families("en")) for tag in ("ko", "ja", "zh-TW"))


@pytest.mark.parametrize(
    ("text", "number"), [("اتصل +49 89 123456 الآن", "+49 89 123456"), ("ב 03-12 34567 כאן", "03-12 34567")]
)
def test_a_telephone_number_is_drawn_from_left_to_right_among_letters_that_run_the_other_way(
    tmp_path: Path, text: str, number: str
) -> None:
    """The picture of the number alone is found in the picture of the sentence, but not without the script's mark."""
    (sentence,) = parse(text, "ar").sentences
    alone = drawn(number, "en", tmp_path)
    columns = np.nonzero(alone.max(axis=0) > 60)[0]
    sample = alone[:, columns.min() : columns.max() + 1].astype(np.float32)
    fits = []
    for line in (sentence.text, text):
        whole = drawn(line, "ar", tmp_path).astype(np.float32)
        fits.append(float(cv2.matchTemplate(whole, sample, cv2.TM_CCOEFF_NORMED).max()))
    assert fits[0] > 0.9 > fits[1]
