"""Solidity sources and what they import, without a compiler."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ballast.errors import BuildError

__all__ = ["Source", "SourceTree"]

# Strings come before comments in the alternation, so that "https://…" is no comment.
_TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', re.DOTALL)
_START = r"(?:^|(?<=[;}]))\s*"
_IMPORT = re.compile(_START + r'import\s+(?:[^"\';]*?\bfrom\s+)?["\']([^"\']+)["\']', re.MULTILINE)
_DECLARED = re.compile(_START + r"(abstract\s+contract|contract|library|interface)\s+(\w+)", re.MULTILINE)
_CALLABLE = re.compile(r"\b(?:external|public)\b")


@dataclass(frozen=True)
class Source:
    """One file: ``name`` is the compiler's source unit name, ``imports`` are such names too."""

    name: str
    content: str
    digest: str
    imports: tuple[str, ...]
    #: Name -> "contract", "abstract", "library" or "interface".
    kinds: dict[str, str]
    #: Whether anything in it can be called from outside.
    callable: bool

    @property
    def deployable(self) -> bool:
        """Whether it defines a contract, or a library that might be deployed."""
        kinds = self.kinds.values()
        return "contract" in kinds or ("library" in kinds and self.callable)


def _strip_comments(text: str, *, strings: bool = False) -> str:
    """``text`` without comments, and without strings too if told so."""
    return _TOKEN.sub(lambda token: token[0] if token[0][0] in "\"'" and not strings else " ", text)


@dataclass
class SourceTree:
    """Reads sources below ``root`` on demand; ``remappings`` are (prefix, target) pairs."""

    root: Path
    remappings: Sequence[tuple[str, str]]
    _read: dict[str, Source] = field(default_factory=dict)

    def unit_name(self, written: str, importer: str | None = None) -> str:
        """The source unit name for a path as an import writes it."""
        if written.startswith(("./", "../")) and importer is not None:
            return posixpath.normpath(posixpath.join(posixpath.dirname(importer), written))
        for prefix, target in sorted(self.remappings, key=lambda item: -len(item[0])):
            if written.startswith(prefix):
                return target + written[len(prefix) :]
        return written

    def get(self, name: str, importer: str | None = None) -> Source:
        """Reads one source; ``BuildError`` names the importer where the file is missing."""
        if name not in self._read:
            try:
                content = (self.root / name).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                where = f"{importer}: import of " if importer else ""
                raise BuildError(f"{where}{name}: {error}; run `make setup` if it is npm's") from None
            text = _strip_comments(content)
            bare = _strip_comments(content, strings=True)
            self._read[name] = Source(
                name=name,
                content=content,
                digest=hashlib.sha256(content.encode()).hexdigest(),
                imports=tuple(self.unit_name(path, name) for path in _IMPORT.findall(text)),
                kinds={name: kind.split()[0] for kind, name in _DECLARED.findall(bare)},
                callable=_CALLABLE.search(bare) is not None,
            )
        return self._read[name]

    def closure(self, names: Iterable[str]) -> list[Source]:
        """These sources and all they import, directly or not, sorted by name."""
        found: dict[str, Source] = {}
        waiting: list[tuple[str, str | None]] = [(name, None) for name in names]
        while waiting:
            name, importer = waiting.pop()
            if name not in found:
                found[name] = self.get(name, importer)
                waiting += [(child, name) for child in found[name].imports]
        return [found[name] for name in sorted(found)]
