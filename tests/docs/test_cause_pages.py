"""The pages of the causes are those that the catalogue and the signatures would write now, and their links work."""

from __future__ import annotations

import re

import pytest

from docs.cause_pages import CHINESE, ENGLISH, FOLDER, cause_pages, page_name
from mattegate.doctor.answer import Layer
from mattegate.doctor.causes import causes
from mattegate.doctor.redact import safe
from mattegate.doctor.signatures import signatures

PAGES = cause_pages()
LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(name: str) -> str:
    """A page as it lies in the repository."""
    return (FOLDER / name).read_text("utf-8")


def prose(text: str) -> str:
    """A page without its fenced blocks and without what stands between backticks."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^(`{3,})\w*\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL))


def test_every_page_is_there_and_fresh() -> None:
    """Whoever changes a cause or a signature runs ``make docs``."""
    lying = {file.name: file.read_text("utf-8") for file in FOLDER.glob("*.md")}
    changed = {name for name in PAGES.keys() & lying.keys() if PAGES[name] != lying[name]}
    assert (PAGES.keys() - lying.keys(), lying.keys() - PAGES.keys(), changed) == (set(), set(), set())


def test_every_cause_has_a_page_in_both_languages() -> None:
    """The code, the layer, what to do, and the Chinese title and remedy stand on each; the indexes lead to each."""
    for cause in causes().values():
        page = text_of(page_name(cause))
        assert page.startswith(f"# `{cause.code}`\n")
        assert f"`{cause.layer}`" in page
        assert all(f"\n## {heading}\n" in page for heading in ("What happens", "What to do", "中文"))
        for index in (ENGLISH, CHINESE):
            assert f"[`{cause.code}`]({page_name(cause)})" in text_of(index)


def test_every_signature_is_on_its_causes_page() -> None:
    """What it looks like, with the source; its secrets hidden."""
    for signature in signatures():
        page = text_of(f"{signature.cause}.md")
        assert safe(signature.samples[0].text.strip("\n")) in page, signature.id


def test_the_indexes_keep_the_order_of_the_way() -> None:
    """From the outside in, each layer that has causes once."""
    used = {cause.layer for cause in causes().values()}
    for index in (ENGLISH, CHINESE):
        named = re.findall(r'^## <a id="([a-z-]+)"></a>`\1`', text_of(index), re.MULTILINE)
        assert named == [layer for layer in Layer if layer in used]


@pytest.mark.parametrize("name", [ENGLISH, CHINESE])
def test_a_link_of_an_index_leads_somewhere(name: str) -> None:
    """To a page of the repository."""
    assert [link for link in LINK.findall(text_of(name)) if not (FOLDER / link.partition("#")[0]).exists()] == []


def test_a_link_of_a_page_leads_somewhere() -> None:
    """To another cause, or to its own layer in the index."""
    anchors = set(re.findall(r'<a id="([a-z-]+)">', text_of(ENGLISH)))
    for cause in causes().values():
        for link in LINK.findall(prose(text_of(page_name(cause)))):
            file, _, anchor = link.partition("#")
            assert (FOLDER / file).exists(), f"{cause.code}: {link}"
            assert not anchor or anchor in anchors, f"{cause.code}: {link}"


def test_no_text_of_a_cause_becomes_markup() -> None:
    """A name in angle brackets would be taken for HTML and vanish; a brace would be a fact that nobody filled."""
    for name in PAGES:
        bare = re.sub(r'<a id="[a-z-]+"></a>', "", prose(text_of(name)))
        assert re.findall(r"<[^>\n]*>|\{[a-z_]+\}", bare) == [], name
