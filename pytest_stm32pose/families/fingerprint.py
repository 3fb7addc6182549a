"""What a decoder is made of, as a short hash, so that goldens and figures of another one are not taken for its own.

The source of the function or of its class, of the functions of the same module that it calls, and the plain constants
that they name. What lies farther away (another module) is not seen: a decoder that leans on it states a version.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType

#: Characters of the hash that are kept.
LENGTH = 12
_PLAIN = (bool, int, float, str, bytes, type(None))


def fingerprint(decode: Callable[..., object]) -> str:
    """The hash of a decoder; the same for the same source and constants."""
    parts = list(_of_callable(decode, set()))
    return hashlib.sha256("\n".join(parts).encode(errors="backslashreplace")).hexdigest()[:LENGTH]


def _of_callable(value: object, seen: set[int]) -> Iterator[str]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, functools.partial):
        yield from _of_callable(value.func, seen)
        yield repr([_plain(each) for each in value.args] + [(k, _plain(v)) for k, v in sorted(value.keywords.items())])
    elif inspect.ismethod(value):
        yield from _of_object(value.__self__, seen)
        yield from _of_callable(value.__func__, seen)
    elif isinstance(value, FunctionType):
        yield _source(value)
        yield from _constants(value, seen)
    else:
        yield from _of_object(value, seen)


def _of_object(value: object, seen: set[int]) -> Iterator[str]:
    """The class of an object, and its plain attributes."""
    kind = value if isinstance(value, type) else type(value)
    yield _source(kind)
    for _, method in sorted(vars(kind).items()):
        if isinstance(method, FunctionType):
            yield from _of_callable(method, seen)
    if not isinstance(value, type):
        yield from (f"{name}={_plain(each)}" for name, each in sorted(getattr(value, "__dict__", {}).items()))


def _constants(function: FunctionType, seen: set[int]) -> Iterator[str]:
    """What a function names outside of itself: plain values, and functions of its own module."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
    for name in sorted({*_names(function.__code__), *cells}):
        try:
            value = cells[name].cell_contents if name in cells else function.__globals__.get(name)
        except ValueError:  # not yet bound
            continue
        is_near = getattr(value, "__module__", None) == function.__module__
        if is_near and isinstance(value, FunctionType | type):
            yield from _of_callable(value, seen)
        elif value is not None and not callable(value):
            yield f"{name}={_plain(value)}"
    yield repr([_plain(each) for each in function.__defaults__ or ()])


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _plain(value: object) -> str:
    """A constant as text; of anything larger only its type, since its text may hold addresses."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, tuple | list) and len(value) <= 4096:
        return f"{type(value).__name__}({', '.join(map(_plain, value))})"
    if isinstance(value, dict) and len(value) <= 4096:
        return f"dict({', '.join(f'{_plain(key)}: {_plain(each)}' for key, each in value.items())})"
    to_bytes, dtype = getattr(value, "tobytes", None), getattr(value, "dtype", None)
    if callable(to_bytes) and dtype is not None:  # a NumPy array
        return f"{dtype}{getattr(value, 'shape', ())}{hashlib.sha256(to_bytes()).hexdigest()}"
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _source(value: object) -> str:
    """Source text; of what has none (typed at a prompt, compiled) the compiled code."""
    try:
        return inspect.getsource(value)  # type: ignore[arg-type]
    except (OSError, TypeError):
        code = getattr(value, "__code__", None)
        return repr((code.co_code, code.co_names)) if code is not None else repr(type(value).__qualname__)


def place_of_error(error: BaseException, called: object = None) -> str:
    """File and line of the user's code where an exception was raised, else of what was called."""
    code = getattr(inspect.unwrap(called) if callable(called) else called, "__code__", None)
    place = f"{code.co_filename} line {code.co_firstlineno}" if code is not None else "its place is not known"
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not _is_library(name):
            place = f"{name} line {trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _is_library(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return "site-packages" in parts or "pytest_stm32pose" in parts or name.startswith("<")
