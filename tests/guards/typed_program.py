"""What a user of the package might write. Never run: type checkers read it, see test_typed_installs.py."""

from __future__ import annotations

from typing import assert_type

import anyseek


def open_and_search(folder: str) -> list[tuple[str, float]]:
    """Every public name, with the type that the documentation promises."""
    with anyseek.open(folder) as index:
        assert_type(index, anyseek.Index)
        assert_type(index.model, anyseek.ModelCard)
        results = index.search("a dog", image="dog.jpg", to="image,audio", k=5, min_match=0.5)
        assert_type(results, anyseek.Results)
        hit = results[0]
        assert_type(hit, anyseek.Hit)
        assert_type(hit.span, anyseek.Span)
        assert_type(hit.match, float | None)
        assert_type(hit.modality, anyseek.Modality)
        assert_type(results[:2], tuple[anyseek.Hit, ...])
        assert_type(results.by_modality(), dict[anyseek.Modality, tuple[anyseek.Hit, ...]])
        assert_type(index.status(), anyseek.Status)
        return [(hit.path, hit.score) for hit in results]


def make(folder: str) -> int:
    """Making an index, and the errors that can be caught."""
    try:
        with anyseek.create(folder, model="mini") as index:
            report = index.add(retry_failed=True)
    except anyseek.AnyseekError as error:
        assert_type(error.exit_code, int)
        assert_type(error.hint, str)
        raise SystemExit(error.exit_code) from error
    assert_type(report, anyseek.Report)
    assert_type([card.name for card in anyseek.models()], list[str])
    assert_type(anyseek.__version__, str)
    return report.new + len(anyseek.check(folder))
