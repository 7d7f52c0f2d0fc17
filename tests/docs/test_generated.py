"""Tables and help texts in the pages follow from the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from anyseek import errors

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_generated_parts_are_up_to_date(path: Path) -> None:
    import generate

    page = path.read_text(encoding="utf-8")
    assert page == generate.with_parts(page), "run python docs/generate.py"


def test_every_command_has_its_help_in_the_docs() -> None:
    import generate

    from anyseek.terminal.program import build

    top = typer.main.get_command(build()).commands
    named = {*top, *(f"{name} {sub}" for name, one in top.items() for sub in getattr(one, "commands", ()))}
    assert named == set(generate.COMMANDS) - {""}


def test_every_error_class_is_in_the_table_with_a_code_of_its_own() -> None:
    import generate

    classes = generate.error_classes()
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    for one in classes:
        assert re.search(rf"^\| {one.exit_code} \| `{one.code}` \| `{one.__name__}` \|", page, re.MULTILINE)
    codes = [one.exit_code for one in classes if one is not errors.MediaError]
    assert len(set(codes)) == len(codes)
    assert len({one.code for one in classes}) == len(classes)


def test_every_reason_for_skipping_a_file_is_explained() -> None:
    from anyseek.media.limits import STAGES

    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `([a-z-]+)` \| [^|]+\|$", page, re.MULTILINE)
    assert explained == sorted(STAGES)


def test_pages_link_to_things_that_exist() -> None:
    for path in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_page_is_reachable_from_the_index() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    assert "(decisions/index.md)" in index
    for path in (ROOT / "docs").glob("*.md"):
        assert path.name == "index.md" or f"({path.name})" in index


def test_every_decision_has_a_number_of_its_own_and_the_parts_of_one() -> None:
    records = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert [path.name[:4] for path in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    for path in records:
        page = path.read_text(encoding="utf-8")
        assert page.startswith(f"# {path.name[:4]}. ")
        headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
        assert headings[:3] == ["Context", "Decision", "Consequences"], path.name
