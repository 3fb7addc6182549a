"""YAML of anybody's: entries with their lines, or one sentence, and never much time or memory."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.st_config.document import MAX_FILE_BYTES, Entry, parse_document


def read(text: str) -> dict[str, Entry]:
    return parse_document(text.encode(), "c.yaml")


def test_values_and_lines() -> None:
    found = read(
        "a: 1\nb:\n  c: 1/255   # why\n  d: [x, 2, null]\n\ne: { f: -1., g: True }\nh: '7'\ni:\nj: 2026-01-02\n"
    )
    assert (found["a"].value, found["a"].line) == (1, 1)
    assert (found["b"].value["c"].value, found["b"].value["c"].line) == ("1/255", 3)
    assert found["b"].value["d"].value == ["x", 2, None]
    assert (found["e"].value["f"].value, found["e"].value["g"].value, found["e"].value["g"].line) == (-1.0, True, 6)
    assert (found["h"].value, found["i"].value, found["j"].value) == ("7", None, "2026-01-02")


def test_a_byte_order_mark_and_windows_lines() -> None:
    assert parse_document(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "c")["b"].line == 2


def test_merge_keys() -> None:
    found = read("x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  <<: [*x, *y]\n  c: 5\n")["z"].value
    assert {key: entry.value for key, entry in found.items()} == {"a": 1, "b": 2, "c": 5}
    assert found["a"].line == 1


BOMB = "\n".join(["a0: &a0 [1,1,1,1,1,1,1,1]", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 9))])
MERGES = "\n".join(["a0: &a0 {}", *(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12))])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no sections"),
        ("- a\n- b\n", "has no sections"),
        ("a: 1\na: 2\n", "line 2: the key a is there twice"),
        ("a: 1\n b: 2\n", "line 2, is not YAML"),
        ("a: 'x\n", "is not YAML"),
        ("a: *b\n", "line 1, is not YAML: found undefined alias"),
        ("a: 1\n---\nb: 2\n", "is not YAML: but found another document"),
        ("\tb: 1\n", "is not YAML"),
        ("a: \0", "is not YAML"),
        ("? [a, b]\n: 1\n", "line 1: a key is not a word"),
        ("a: !!python/object/apply:os.system [x]\n", "line 1: the tag 'python/object/apply:os.system'"),
        ("a: !mine x\n", "line 1: the tag '!mine' is none of YAML's own"),
        ("a: !!int x\n", "line 1: 'x' is not the number it looks like"),
        ("a: !!float x\n", "is not the number"),
        ("a: !!int ''\n", "is not the number"),
        ("a: !!bool x\n", "is not the number"),
        ("a: 1:2:3e\nb: 0x_\n", "is not the number"),
        ('a: "\\UFFFFFFFF"\n', "c.yaml is not YAML"),
        ("%YAML 1.x\n---\na: 1\n", "is not YAML"),
        ("a: " + "9" * 2000, "has more than 1024 characters"),
        ("<<: 3\n", "line 1: << merges what is no mapping"),
        ("a: &a [*a]\n", "nested deeper"),
        ("a: &a {b: *a}\n", "nested deeper"),
        ("a: " + "[" * 20 + "]" * 20, "nested deeper"),
        ("a: " + "[" * 500, "nested deeper"),
        ("a: " + "{a: " * 400 + "1" + "}" * 400, "nested deeper"),
        ("\n".join(f"{' ' * depth}a:" for depth in range(300)), "nested deeper"),
        ("a: " + "[" * 20000, "more than 512 brackets"),
        (BOMB, "more than 4096 entries, those behind aliases counted"),
        (MERGES, "more than 4096 entries"),
        ("a: [" + "1," * 5000 + "]", "more than 4096 entries"),
        ("x" * (MAX_FILE_BYTES + 1), f"has more than {MAX_FILE_BYTES} bytes"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^(?=c.yaml).*{message}"):
        read(text)


def test_other_bytes() -> None:
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        parse_document(b"a: \xff\n", "c.yaml")


def test_a_bomb_takes_no_memory() -> None:
    tracemalloc.start()
    with pytest.raises(ConfigError):
        read(BOMB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


YAMLISH = st.text("abc:-[]{}&*!|>'\"#%@,?<~ \n\t0123456789./\u2028\x85\ud7ff", max_size=300)


@given(st.binary(max_size=300) | YAMLISH.map(str.encode) | st.text(st.characters(codec="utf-8")).map(str.encode))
def test_any_bytes_are_entries_or_one_sentence(content: bytes) -> None:
    try:
        found = parse_document(content, "c.yaml")
    except ConfigError as error:
        assert "\n" not in str(error)
        return
    assert all(isinstance(entry, Entry) and entry.line >= 1 for entry in found.values())
