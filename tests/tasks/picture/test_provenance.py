"""The mark that says a picture was made by a machine."""

from pathlib import Path
from xml.etree import ElementTree as Xml

import pysubs2

from tasks.picture import provenance


def test_the_packet_is_well_formed_and_names_the_digital_source_type() -> None:
    text = provenance.xmp().decode()
    assert text.startswith("<?xpacket begin=") and text.endswith('<?xpacket end="r"?>')
    description = Xml.fromstring(text.split("?>", 1)[1].rsplit("<?", 1)[0])[0][0]
    name = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
    assert description.attrib[name] == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def test_a_label_of_any_text_is_one_event(tmp_path: Path) -> None:
    provenance.write_label("{\\b1}AI, generated\nתווית", (640, 360), tmp_path / "label.ass")
    (event,) = pysubs2.load(str(tmp_path / "label.ass")).events
    assert "AI, generated" in event.plaintext and "תווית" in event.plaintext
    assert event.text.startswith("\\{"), "libass would take the brace for a command"
