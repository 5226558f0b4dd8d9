"""Language tags: the three letters of ISO 639-2/T, which MP4 wants, and the direction of writing."""

from typing import Final

from tasks.errors import BadInput

_TABLE = """
afafr amamh anarg arara asasm azaze babak bebel bgbul bnben bobod brbre bsbos cacat csces cvchv cycym dadan
dedeu elell eneng eoepo esspa etest eueus fafas fifin fofao frfra fyfry gagle gdgla glglg gngrn guguj hahau
heheb hihin hrhrv hthat huhun hyhye iaina idind igibo ioido isisl itita jajpn jvjav kakat kkkaz klkal kmkhm
knkan kokor kukur kykir lalat lbltz lnlin lolao ltlit lvlav mgmlg mimri mkmkd mlmal mnmon mrmar msmsa mtmlt
mymya nbnob nenep nlnld nnnno nonor ococi omorm orori papan plpol pspus ptpor quque rmroh roron rurus rwkin
sasan sdsnd sesme sisin skslk slslv snsna sosom sqsqi srsrp stsot susun svswe swswa tatam tetel tgtgk ththa
titir tktuk tltgl tntsn trtur tstso tttat uguig ukukr ururd uzuzb vivie wowol xhxho yiyid yoyor zhzho zuzul
"""
"""Two letters of ISO 639-1, then the three of 639-2/T."""

_RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"})

_ALPHA_3 = {entry[:2]: entry[2:] for entry in _TABLE.split()}


def primary(tag: str) -> str:
    """The language of a tag without its country, script or variant: `en` of `en-GB`."""
    return tag.replace("_", "-").partition("-")[0].lower()


def names_script(tag: str) -> bool:
    """Whether a tag names a writing system, which has four letters: `fa-Latn`."""
    return any(len(part) == 4 and part.isalpha() for part in tag.replace("_", "-").split("-")[1:])


def alpha_3(tag: str) -> str:
    """The three letters of a language tag: `en-GB` and `eng` are both `eng`.

    Raises:
        BadInput: It is no language tag. A language without an entry here is `und`, which is what containers say then.
    """
    code = primary(tag)
    if not (code.isascii() and code.isalpha() and len(code) in (2, 3)):
        raise BadInput(f"{tag!r} is no language: give one like 'en' or 'pt-BR'")
    return _ALPHA_3.get(code, "und") if len(code) == 2 else code


def is_right_to_left(tag: str) -> bool:
    """Whether a language is written from right to left."""
    return primary(tag) in _RIGHT_TO_LEFT
