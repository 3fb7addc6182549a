"""Values as ST's services understand them: text that is arithmetic, a tuple, a switch, or holds ${VARIABLES}.

There such text is evaluated as Python. Here it is parsed, and only numbers, + - * /, signs, brackets and tuples count.
A value that is none raises ValueError with the end of a sentence: "<key> is <value>, which ...".
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Mapping

MAX_ARITHMETIC = 200
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


def arithmetic(text: str) -> float | int | tuple[float | int, ...]:
    """A number, or a tuple of numbers, from text such as "1/127.5" or "(192, 192, 3)". Raises ValueError."""
    if len(text) > MAX_ARITHMETIC:
        raise ValueError(f"is longer than {MAX_ARITHMETIC} characters of arithmetic")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # text such as "1or 2" has Python warn before it is refused here
            tree = ast.parse(text.strip(), mode="eval").body
        return tuple(_number(each) for each in tree.elts) if isinstance(tree, ast.Tuple) else _number(tree)
    except ZeroDivisionError:
        raise ValueError("divides by nought") from None
    except OverflowError:
        raise ValueError("is no finite number") from None
    except _UNREADABLE:
        raise ValueError("is not a number such as 0.5 or 1/255") from None


def _number(node: ast.expr) -> float | int:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value  # type: ignore[return-value] # the line above says so; bool and complex are neither
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _number(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp):
        left, right = _number(node.left), _number(node.right)
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.Div():
                return left / right
    raise ValueError("anything else")


def number(value: object) -> float:
    """A finite number. Raises ValueError."""
    found = arithmetic(value) if isinstance(value, str) else value
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ValueError("is not a number such as 0.5 or 1/255")
    try:
        result = float(found)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise ValueError("is no finite number")
    return result


def fraction(value: object) -> float:
    """A number from 0 to 1. Raises ValueError."""
    found = number(value)
    if not 0 <= found <= 1:
        raise ValueError("is not from 0 to 1")
    return found


def count(value: object) -> int:
    """A whole number of at least 1. Raises ValueError."""
    found = number(value)
    if found < 1 or found != int(found):
        raise ValueError("is not a whole number of at least 1")
    return int(found)


def word(value: object) -> str:
    """Text. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("is not text")
    return value.strip()


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Text with its ${VARIABLES}. Raises ValueError: one is not set."""
    missing = [name for name in _VARIABLE.findall(text) if name not in environ]
    if missing:
        raise ValueError(f"needs the environment variable {missing[0]}, and there is none")
    return _VARIABLE.sub(lambda found: environ[found[1]], text)


def path_text(value: object, environ: Mapping[str, str]) -> str:
    """The text of a path, its variables expanded. Raises ValueError."""
    text = expand(word(value), environ)
    if not text or not text.isprintable():
        raise ValueError("is no path")
    return text
