"""Imports and declarations are found without a compiler."""

from __future__ import annotations

from pathlib import Path

import pytest

from ballast.errors import BuildError
from scripts._build.sources import SourceTree

REMAPPINGS = (("@open", "node_modules/@open"), ("@open/upgradeable", "node_modules/@up"))


def write(root: Path, name: str, text: str) -> str:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return name


@pytest.fixture
def tree(tmp_path: Path) -> SourceTree:
    return SourceTree(tmp_path, REMAPPINGS)


def test_get__every_form_of_import__is_found(tree: SourceTree) -> None:
    text = """
    import "./A.sol";
    import {B} from "../lib/B.sol";
    import * as C from './deep/C.sol';
    import {
        D, // a comment; with a semicolon
        E as F
    } from "@open/D.sol";
    """
    write(tree.root, "contracts/core/X.sol", text)
    assert tree.get("contracts/core/X.sol").imports == (
        "contracts/core/A.sol",
        "contracts/lib/B.sol",
        "contracts/core/deep/C.sol",
        "node_modules/@open/D.sol",
    )


def test_get__import_in_comment_or_string__is_ignored(tree: SourceTree) -> None:
    text = """
    // import "./No.sol";
    /* import "./No.sol";
    import "./No.sol"; */
    contract X { string a = "https://x // import"; }
    import "./Yes.sol";
    """
    write(tree.root, "contracts/X.sol", text)
    assert tree.get("contracts/X.sol").imports == ("contracts/Yes.sol",)


def test_unit_name__two_remappings_fit__the_longer_wins(tree: SourceTree) -> None:
    assert tree.unit_name("@open/upgradeable/Y.sol") == "node_modules/@up/Y.sol"
    assert tree.unit_name("@open/Y.sol") == "node_modules/@open/Y.sol"


def test_closure__cycle__ends_with_each_file_once(tree: SourceTree) -> None:
    write(tree.root, "contracts/A.sol", 'import "./B.sol";')
    write(tree.root, "contracts/B.sol", 'import "./A.sol";')
    names = [source.name for source in tree.closure(["contracts/A.sol"])]
    assert names == ["contracts/A.sol", "contracts/B.sol"]


def test_closure__missing_import__error_names_importer_and_file(tree: SourceTree) -> None:
    write(tree.root, "contracts/A.sol", 'import "@open/Gone.sol";')
    message = r"contracts/A.sol: import of node_modules/@open/Gone.sol"
    with pytest.raises(BuildError, match=message):
        tree.closure(["contracts/A.sol"])


@pytest.mark.parametrize(
    ("text", "kinds", "deployable"),
    [
        ("contract A is B {}", {"A": "contract"}, True),
        ("abstract contract A {}", {"A": "abstract"}, False),
        ("interface A { function f() external; }", {"A": "interface"}, False),
        ("library A { function f() internal {} }", {"A": "library"}, False),
        ("library A { function f() external {} }", {"A": "library"}, True),
        ("library A { /* external */ function f() internal {} }", {"A": "library"}, False),
    ],
)
def test_get__declaration__kind_is_known(tree: SourceTree, text: str, kinds: dict[str, str], deployable: bool) -> None:
    write(tree.root, "contracts/A.sol", text)
    source = tree.get("contracts/A.sol")
    assert source.kinds == kinds
    assert source.deployable is deployable
