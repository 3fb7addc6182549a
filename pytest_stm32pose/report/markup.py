"""HTML that is escaped by construction: every child and attribute that is not already `Html` is escaped.

Image ids, model names, reasons and file names come from users' files and from the device; none of them may become
markup, break an attribute, or make the file unwritable (lone surrogates, control characters).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

#: C0 controls but tab and newline, DEL, C1 controls, lone surrogates, non-characters: not allowed in an HTML document.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
#: Bidirectional overrides and isolates: they would let a name rewrite the look of the text around it.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
#: Longer text is cut: a record may hold anything, and a page must stay readable.
MAX_TEXT = 2000
#: Attributes that hold data of ours.
_UNBOUNDED = frozenset({"href", "d"})
_VOID = frozenset({"br", "col", "hr", "img", "input", "meta"})


class Html(str):
    """A string that is markup already."""

    __slots__ = ()


def escape(value: object) -> Html:
    """Text of `value`, safe as element content and inside double or single quotes."""
    if isinstance(value, Html):
        return value
    return _escape(bounded(str(value)))


def bounded(text: str, letters: int = MAX_TEXT) -> str:
    """`text`, cut where it is longer than `letters`."""
    return text if len(text) <= letters else text[: letters - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _escape(text: str) -> Html:
    return Html(html.escape(_BIDI.sub("", _FORBIDDEN.sub("\ufffd", text)), quote=True))


def join(parts: Iterable[object], separator: str = "") -> Html:
    """Concatenate, escaping what is not markup."""
    return Html(str(escape(separator)).join(escape(part) for part in parts))


def tag(name: str, *children: object, **attributes: object) -> Html:
    """One element.

    Args:
        name: element name, a constant of the caller.
        children: content; text is escaped, None is left out.
        attributes: `class_="a"` gives `class="a"`, `aria_label=` gives `aria-label=`; None and False leave the
            attribute out, True gives it without a value.
    """
    head = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{head}>")
    return Html(f"<{head}>{join(child for child in children if child is not None)}</{name}>")


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = str(value)  # also of `Html`: markup inside quotes must not end them
    return f' {name}="{_escape(text if name in _UNBOUNDED else bounded(text))}"'
