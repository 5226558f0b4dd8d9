"""Language identification. docs/languages.md tells how often it is right on thousands of sentences."""

import pytest

from tasks.speech import voice
from tasks.speech.identify import Guess, identify, likelier

SENTENCES = {
    "ar": "صباح الخير، نتعلم اليوم ما هي الميزانية ولماذا تفشل خطط كثيرة.",
    "bg": "Добро утро. Днес ще научим какво е бюджет и защо толкова много планове се провалят.",
    "bn": "সুপ্রভাত, আজ আমরা শিখব বাজেট কী এবং কেন এত পরিকল্পনা ব্যর্থ হয়।",
    "cs": "Dobré ráno. Dnes se naučíme, co je to rozpočet a proč tolik plánů selže.",
    "da": "Godmorgen. I dag lærer vi, hvad et budget er, og hvorfor så mange planer slår fejl.",
    "de": "Guten Morgen. Heute lernen wir, was ein Haushaltsplan ist, und warum so viele Pläne scheitern.",
    "el": "Καλημέρα. Σήμερα μαθαίνουμε τι είναι ο προϋπολογισμός.",
    "en": "Good morning. Today we learn what a budget is, and why so many plans fail.",
    "es": "Buenos días. Hoy aprendemos qué es un presupuesto y por qué fracasan tantos planes.",
    "fa": "صبح بخیر. امروز یاد می‌گیریم که بودجه چیست و چرا این همه برنامه شکست می‌خورند.",
    "fi": "Hyvää huomenta. Tänään opimme, mikä on budjetti ja miksi niin monet suunnitelmat epäonnistuvat.",
    "fr": "Bonjour. Aujourd'hui nous apprenons ce qu'est un budget et pourquoi tant de projets échouent.",
    "he": "בוקר טוב. היום נלמד מהו תקציב ומדוע תוכניות רבות כל כך נכשלות.",
    "hi": "सुप्रभात। आज हम सीखेंगे कि बजट क्या होता है और इतनी सारी योजनाएँ क्यों असफल होती हैं।",
    "hu": "Jó reggelt. Ma megtanuljuk, mi az a költségvetés, és miért bukik meg annyi terv.",
    "it": "Buongiorno. Oggi impariamo che cos'è un bilancio e perché tanti progetti falliscono.",
    "ja": "みなさん、おはようございます。今日は予算について学びます。",
    "ko": "안녕하세요. 오늘은 예산이 무엇인지 배웁니다.",
    "nb": "God morgen. I dag lærer vi hva et budsjett er, og hvorfor så mange planer ikke lykkes.",
    "nl": "Goedemorgen. Vandaag leren we wat een begroting is en waarom zoveel plannen mislukken.",
    "pl": "Dzień dobry. Dziś dowiemy się, czym jest budżet i dlaczego tak wiele planów zawodzi.",
    "pt": "Bom dia. Hoje vamos aprender o que é um orçamento e por que tantos planos não dão certo.",
    "ro": "Bună dimineața. Astăzi învățăm ce este un buget și de ce eșuează atâtea planuri.",
    "ru": "Доброе утро. Сегодня мы узнаем, что такое бюджет и почему так много планов не удаются.",
    "sv": "God morgon. I dag lär vi oss vad en budget är och varför så många planer misslyckas.",
    "sw": "Habari za asubuhi. Leo tunajifunza bajeti ni nini na kwa nini mipango mingi inashindwa.",
    "th": "สวัสดีตอนเช้า วันนี้เราจะเรียนรู้ว่างบประมาณคืออะไร",
    "tr": "Günaydın. Bugün bütçenin ne olduğunu ve neden bu kadar çok planın başarısız olduğunu öğreniyoruz.",
    "uk": "Доброго ранку. Сьогодні ми дізнаємося, що таке бюджет і чому так багато планів зазнають невдачі.",
    "ur": "صبح بخیر۔ آج ہم سیکھیں گے کہ بجٹ کیا ہے اور اتنے منصوبے کیوں ناکام ہوتے ہیں۔",
    "vi": "Chào buổi sáng. Hôm nay chúng ta học ngân sách là gì và vì sao nhiều kế hoạch thất bại.",
    "zh": "大家早上好。今天我们学习什么是预算。",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_tells_its_language_and_there_is_a_voice_for_it(language: str) -> None:
    assert identify(SENTENCES[language]) == Guess(language, sure=True)
    assert language in voice.voices()
    assert likelier(SENTENCES[language], language) == ""


@pytest.mark.parametrize(
    "text", ["Welcome, Ada.", "Chapter one", "Guten Morgen, Ada!", "Kubernetes pods.", "Ciao, Luca"]
)
def test_a_few_words_in_latin_letters_are_never_sure(text: str) -> None:
    guess = identify(text)
    assert guess is not None
    assert not guess.sure


def test_a_text_without_letters_has_no_language() -> None:
    assert identify("42 – 1,000 € 😀") is None
    assert likelier("42", "en") == ""


@pytest.mark.parametrize(
    ("text", "named", "other"),
    [
        (SENTENCES["de"], "en-us", "de"),
        (SENTENCES["en"], "de", "en"),
        (SENTENCES["uk"], "ru", "uk"),
        (SENTENCES["es"], "pt-br", "es"),
        (SENTENCES["en"], "zh", "en"),
        ("Guten Morgen, Ada!", "en", "de"),
        ("Welcome back, Ada.", "en", ""),
        (SENTENCES["nb"], "no", ""),
        (SENTENCES["zh"], "cmn", ""),
        (SENTENCES["de"], "haw", ""),
        ("Zhè shì wǒmen de dì yī kè, huānyíng dàjiā.", "cmn-latn-pinyin", ""),
        ("Dobro jutro. Danas učimo što je proračun i zašto toliko planova propada.", "bs", ""),
    ],
)
def test_a_language_that_a_text_is_hardly_in_is_told_from_one_that_it_is_in(text: str, named: str, other: str) -> None:
    assert likelier(text, named) == other
