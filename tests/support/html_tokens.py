"""Reading HTML in tests: elements and text as a browser's parser sees them, and text that tries to become markup."""

from __future__ import annotations

from html.parser import HTMLParser

HOSTILE = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<svg/onload=1>",
    "&lt;already&gt; & more",
    "]]><!--",
    "--><b>",
    "\x00\x1b[31m",
    "a\ud800b",
    "\u202egnp.exe",
    "<" * 400,
)


class Tokens(HTMLParser):
    """Elements with attributes, and the text between them."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment appeared: {data!r}")
