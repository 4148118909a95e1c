"""What numpydoc writes and Markdown does not know: roles (``:math:``), ``.. math::``, ``[1]_``.

mkdocs runs this file as a hook. Formulas become MathML, which browsers draw by themselves, so that
the pages need no script and nothing from outside.
"""

import logging
import re
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from markdown.preprocessors import Preprocessor
from mkdocs.plugins import event_priority

__all__ = ["on_config", "on_page_content"]

_LOG = logging.getLogger("mkdocs.hooks.rest")
_ROLE = r":(math|class|meth|func|attr|mod|data|exc):`([^`]+)`"
_LEFT = re.compile(r":(?:math|class|meth|func|attr|mod|data|exc):|\.\. [a-z]+::|\[\d+\]_")
_FORMULA = re.compile(  # its text on the line itself and on deeper ones, or below an empty line
    r"^\.\. math::[ ]*(?:\n\n)?(?P<text>.*(?:\n[ ]+\S.*)*)", re.MULTILINE
)


class _Lines(Preprocessor):
    """Formulas of their own, references and ``::``, before paragraphs are made."""

    def run(self, lines: list[str]) -> list[str]:
        text = _FORMULA.sub(self._formula, "\n".join(lines))
        text = re.sub(r"^\.\. \[(\d+)\]", r"\n[\1]", text, flags=re.MULTILINE)
        text = re.sub(r"\[(\d+)\]_", r"[\1]", text)
        text = re.sub(r"^::$", "", text, flags=re.MULTILINE)
        return text.split("\n")

    def _formula(self, found: re.Match[str]) -> str:
        parts = " ".join(found["text"].split()).split(r"\qquad")  # where a line may be broken
        drawn = " ".join(convert(part.strip(), display="block") for part in parts)
        kept = self.md.htmlStash.store(f'<div class="formula">{drawn}</div>')
        return f"\n{kept}\n"


class _Roles(InlineProcessor):
    """Formulas within a line, and names of our own, linked to where they are told."""

    def handleMatch(  # type: ignore[override]  # noqa: N802 - the name that markdown calls
        self, found: re.Match[str], data: str
    ) -> tuple[Element | str, int, int]:
        role, text = found[1], " ".join(found[2].split())
        if role == "math":
            return self.md.htmlStash.store(convert(text)), found.start(0), found.end(0)
        name = text.removeprefix("~")
        link = Element("autoref", identifier=name, optional="")  # plain text where nothing is
        short = name.rpartition(".")[2] if text.startswith("~") else name
        SubElement(link, "code").text = short + "()" * (role in ("meth", "func"))
        return link, found.start(0), found.end(0)


class _Rest(Extension):
    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - the name that markdown calls
        md.preprocessors.register(_Lines(md), "rest", 21)  # after fenced code is out of the way
        md.inlinePatterns.register(_Roles(_ROLE, md), "rest", 195)  # before plain backticks


@event_priority(100)  # before mkdocstrings takes the list for the docstrings
def on_config(config: Any) -> None:
    """Teach Markdown, for pages and docstrings alike."""
    config.markdown_extensions.append(_Rest())


def on_page_content(html: str, page: Any, **_: Any) -> None:
    """Warn of what stayed raw; ``--strict`` makes that an error."""
    for left in sorted(set(_LEFT.findall(html))):
        _LOG.warning("%s shows %r as it was written", page.file.src_uri, left)
