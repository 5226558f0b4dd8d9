"""Lessons written by chance: scripts of all lengths with what makes captions hard, in three languages."""

import random
from collections.abc import Sequence

ENGLISH = (
    "Welcome back.",
    "Yes.",
    "Dr. Jane Smith and Mr. O'Neill met in New York on May 3, 2024, at 10:30 a.m.",
    "The company made $4.5 million in 2023, i.e. 12% more than the year before.",
    "Internationalization and counterrevolutionaries are long words.",
    "Why would anybody, after all these years, want to know?",
    'She said: "It depends on the weather, the season, and the price of bread."',
    "It costs $19.99 per month (plus tax), or $200 per year.",
    "When the rain had stopped, we went back to the harbour, where the old boats were lying in the mud.",
    "There are 1,234,567 reasons to stay – and only 1 to leave.",
    "Call 1-800-555-1234 now!",
    "The quick brown fox jumps over the lazy dog near the bank of the river.",
    "A sentence without any punctuation inside that simply goes on and on because nobody ever told its author to stop",
    "Prof. Li's 21st paper, e.g., was about R&D.",
    "Fine.",
    "About 100 km north of the city lies a lake that is 5 km long, 2 km wide and up to 40 m deep.",
)
GERMAN = (
    "Willkommen zurück.",
    "Ja.",
    "Herr Dr. Müller kam am 3. Mai 2023 um 10:30 Uhr nach Bad Homburg.",
    "Wir haben 4,5 Mio. € verdient, d. h. 12 % mehr als im Jahr zuvor.",
    "Die Donaudampfschifffahrtsgesellschaft und die Rechtsschutzversicherungsgesellschaften sind lange Wörter.",
    "Warum sollte das, nach all den Jahren, noch jemand wissen wollen?",
    "Sie sagte: „Das hängt vom Wetter ab, von der Jahreszeit und vom Brotpreis.“",
    "Es kostet 19,99 € im Monat (zzgl. Steuer) oder 200 € im Jahr.",
    "Als der Regen aufgehört hatte, gingen wir zurück zum Hafen, wo die alten Boote im Schlamm lagen.",
    "Es gibt 1.234.567 Gründe zu bleiben – und nur 1 zu gehen.",
    "Das Kraftfahrzeughaftpflichtversicherungsunternehmensverzeichnisses Ende naht.",
    "Ein Satz ganz ohne Satzzeichen der einfach immer weitergeht weil niemand je gesagt hat dass es genug ist",
    "Gut.",
    "Etwa 100 km nördlich der Stadt liegt ein See, der 5 km lang, 2 km breit und bis zu 40 m tief ist.",
)
ARABIC = (
    "مرحبا بكم من جديد.",
    "نعم.",
    "التقى الدكتور أحمد والسيدة ليلى في القاهرة يوم 3 مايو 2024.",
    "حققت الشركة 4.5 مليون دولار في عام 2023، أي أكثر بنسبة 12% من العام السابق.",
    "لماذا يريد أي شخص، بعد كل هذه السنوات، أن يعرف؟",
    "قالت: «ذلك يعتمد على الطقس والموسم وسعر الخبز».",
    "عندما توقف المطر، عدنا إلى الميناء، حيث كانت القوارب القديمة ملقاة في الطين.",
    "هناك 1234 سببا للبقاء – وواحد فقط للرحيل.",
    "جملة بلا علامات ترقيم في داخلها تستمر وتستمر لأن أحدا لم يقل لكاتبها أن يتوقف",
    "حسنا.",
    "تقع البحيرة على بعد 100 كيلومتر شمال المدينة، وطولها 5 كيلومترات.",
)
LANGUAGES = {"en": ("en-us", ENGLISH), "de": ("de", GERMAN), "ar": ("ar", ARABIC)}


def lesson(language: str, seed: int) -> tuple[str, str]:
    """A script and the name of the voice that reads it: slowly if the seed is even, quickly if it is odd."""
    chance = random.Random(f"{language}{seed}")
    voice, sentences = LANGUAGES[language]
    blocks: list[str] = []
    for part in range(1 + seed // 4):
        if part:
            blocks.append(f"## {chance.randint(1, 99)}")
        blocks.append(_paragraph(chance, sentences, 1 + seed // 3))
        if chance.random() < 0.5:
            blocks.append("\n".join(f"- {chance.choice(sentences)}" for _ in range(chance.randint(1, 3))))
    return "\n\n".join(blocks), f"{voice}@{175 if seed % 2 else 130}"


def _paragraph(chance: random.Random, sentences: Sequence[str], length: int) -> str:
    spoken = [chance.choice(sentences) for _ in range(length)]
    if chance.random() < 0.4:
        spoken.insert(chance.randrange(length + 1), "[pause 1.5s]")
    return " ".join(spoken)
