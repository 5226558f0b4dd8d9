"""Provenance: AI-generated media are marked as such, in the metadata and, on request, with a visible label.

The IPTC's digital source type, as an XMP packet: in JPEG where Pillow puts it, in MP4 in a `uuid` box of its own at the
end of the file, where it shifts no offset.

Source: IPTC Photo Metadata Standard 2023.2, "Digital Source Type"; XMP Specification Part 3, section 1.3.8 (MPEG-4).
"""

import struct
from pathlib import Path
from uuid import UUID

from tasks.job import Job

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMMENT = f"AI-generated. IPTC digital source type: {DIGITAL_SOURCE_TYPE.rpartition('/')[2]}"

_XMP_BOX = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes

_XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 Iptc4xmpExt:DigitalSourceType="{DIGITAL_SOURCE_TYPE}"/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


def xmp() -> bytes:
    """The XMP packet."""
    return _XMP.encode()


def append_xmp(mp4: Path) -> None:
    """Add the XMP packet to a finished MP4 file."""
    packet = xmp()
    with mp4.open("ab") as file:
        file.write(struct.pack(">I4s16s", 8 + len(_XMP_BOX) + len(packet), b"uuid", _XMP_BOX) + packet)


def write_label(text: str, canvas: tuple[int, int], file: Path) -> None:
    """Write the visible label as an ASS file: small, in a box in the upper left corner, as long as the video lasts."""
    width, height = canvas
    letters = round(min(width, height) * 0.034)
    plain = text.replace("\\", "\\\u2060").replace("{", "\\{").replace("}", "\\}").replace("\n", "\\N")
    file.write_text(
        "[Script Info]\nScriptType: v4.00+\nScaledBorderAndShadow: yes\nYCbCr Matrix: TV.709\n"
        f"PlayResX: {width}\nPlayResY: {height}\n\n[V4+ Styles]\n"
        "Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BackColour, BorderStyle, Outline, Shadow, "
        "Alignment, MarginL, MarginR, MarginV, Encoding\n"
        f"Style: Label,Noto Sans,{letters},&H00FFFFFF,&H00000000,&H70000000,4,0,{letters * 0.3:.1f},7,"
        f"{letters},{letters},{letters},-1\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        f"Dialogue: 1,0:00:00.00,9:59:59.99,Label,,0,0,0,,{plain}\n",
        encoding="utf-8",
    )


def title(job: Job) -> str:
    """What the video is called: its title, else its id."""
    return job.title or job.id
