"""Reading a YAML file that is not trusted: bounded, plain values only, and every mistake one sentence."""

from __future__ import annotations

from pathlib import Path

from pytest_stm32pose.errors import ConfigError

MAX_BYTES = 1024 * 1024
#: Aliases and merges let a small file stand for a large one; nobody writes more by hand.
_MAX_ALIASES = 100


def read_yaml(path: Path, error: type[ConfigError] = ConfigError) -> dict[object, object]:
    """The mapping that a YAML file holds: text, numbers, lists and mappings; nothing is made or run.

    Args:
        error: what is raised.

    Raises:
        ConfigError: unreadable, too big, no YAML, no mapping; names the file.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise error(f"{path} has more than {MAX_BYTES} bytes, too many for a YAML file.", remedy="Cut it down.")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise error(f"{path} cannot be read: {problem.strerror}.", remedy="Check the path.") from problem
    except UnicodeDecodeError as problem:
        raise error(f"{path} is no text file.", remedy="Save it as UTF-8.") from problem
    try:
        document = _loaded(text)
    # PyYAML's constructors answer odd scalars with many exception types; all of them mean the same to the user.
    except Exception as problem:
        why = " ".join(str(problem).split())[:200] or type(problem).__name__
        raise error(f"{path} is not valid YAML: {why}.", remedy="Correct it.") from problem
    if not isinstance(document, dict):
        raise error(f"{path} holds no mapping of keys to values.", remedy="Give a YAML file of keys and values.")
    return document


def _loaded(text: str) -> object:
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Without merges, and with few aliases: both can grow without bound."""

        aliases = 0

        def compose_node(self, parent: object, index: object) -> object:
            self.aliases += self.check_event(yaml.AliasEvent)
            if self.aliases > _MAX_ALIASES:
                raise ValueError(f"it has more than {_MAX_ALIASES} aliases")
            return super().compose_node(parent, index)

        def flatten_mapping(self, node: object) -> None:
            if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):  # type: ignore[attr-defined]
                raise ValueError("it merges mappings (<<), which is not read")

    return yaml.load(text, Loader=Loader)
