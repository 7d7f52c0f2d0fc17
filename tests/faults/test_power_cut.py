"""A power cut: of what was not synced any part may be gone; what was reported as committed is there, vectors too."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import crash_writer
import power_cut
import pytest
from fault_scenarios import LEFT_BY_A_FAULT, SCENARIOS, Stage, state
from faults import Program
from indexes import contents, new_index

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.check import check
from anyseek.catalog.repair import repair

Note = Callable[[str, object], None]

State = tuple[dict[str, list[bytes]], list[tuple[str, str]]]


def found_in(folder: Path) -> State:
    """What can be found, and what failed."""
    with Catalog.open(folder) as catalog, catalog.read() as snapshot:
        problems = [(record.path, record.problem.reason) for record in snapshot.problems() if record.problem]
        return contents(snapshot), problems


def cut_transactions(program: Program, place: Path, steps: int, note: Note) -> None:
    """Cut the power everywhere in some transactions; each image holds the last that was reported, or the next."""
    undisturbed, space = new_index(place / "undisturbed")
    states = [found_in(undisturbed.folder)]
    with undisturbed:
        for i in range(steps):
            crash_writer.step(undisturbed, space, 1, i)
            states.append(found_in(undisturbed.folder))
    catalog, space = new_index(place / "index")
    catalog.close()
    start = place / "start"
    shutil.copytree(catalog.folder, start)
    done = program.run(
        ("steps", str(catalog.folder), str(space), "1", str(steps)),
        place,
        catalog.folder,
        log=str(place / "log"),
    )
    assert done.code == 0, done
    # The record names the folder where it was made; what it began with was kept.
    shutil.rmtree(catalog.folder)
    start.rename(catalog.folder)
    number = 0
    for number, (n_marks, image) in enumerate(power_cut.cuts(catalog.folder, place / "log"), 1):
        cut = place / "cut"
        shutil.rmtree(cut, ignore_errors=True)
        cut.mkdir()
        power_cut.lay_out(image, catalog.folder, cut)
        told = min(n_marks, steps)
        found = found_in(cut)
        assert found in states[told : told + 2], (
            f"{told} steps were reported, and image {number} is none of those"
        )
        assert {finding.code for finding in check(cut)} <= LEFT_BY_A_FAULT
        if number % 25 == 0:
            go_on(cut, space, states, states.index(found, told))
    assert number > 10 * steps
    note(
        "faults", {"what": "power cuts", "of": f"{steps} transactions", "steps": done.steps, "faults": number}
    )


def go_on(folder: Path, space: int, states: list[State], done: int) -> None:
    """Repaired, it is healthy, and the next transaction leaves the vectors that it would have left."""
    repair(folder, check(folder))
    assert check(folder) == []
    if done + 1 < len(states):
        with Catalog.open(folder) as catalog, catalog.lock("resume"):
            crash_writer.step(catalog, space, 1, done)
        assert found_in(folder)[0] == states[done + 1][0]


def test_a_power_cut_in_a_few_transactions(program: Program, tmp_path: Path, record_property: Note) -> None:
    cut_transactions(program, tmp_path, 3, record_property)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_power_cut_in_many_transactions(program: Program, tmp_path: Path, record_property: Note) -> None:
    cut_transactions(program, tmp_path, 30, record_property)


def test_a_power_cut_while_an_index_is_made(program: Program, tmp_path: Path, record_property: Note) -> None:
    """The folder holds a whole index or none, and then one can be made there. What was reported as made is there."""
    media, cut = tmp_path / "media", tmp_path / "cut"
    media.mkdir()
    done = program.run(
        ("create", str(media / "deep/index")), media, media / "deep", log=str(tmp_path / "log")
    )
    assert done.code == 0, done
    shutil.rmtree(media / "deep")
    number = 0
    for n_marks, image in power_cut.cuts(media, tmp_path / "log"):
        number += 1
        shutil.rmtree(cut, ignore_errors=True)
        cut.mkdir()
        power_cut.lay_out(image, media, cut)
        if not (cut / "deep/index/catalog.sqlite").exists():
            assert not n_marks, "it was reported as made"
            Catalog.create(cut / "deep/index", [cut]).close()
        with Catalog.open(cut / "deep/index") as catalog, catalog.read() as snapshot:
            assert len(snapshot.roots()) == 1
        assert {finding.code for finding in check(cut / "deep/index")} <= LEFT_BY_A_FAULT
        marks = [(cut / "deep/index" / name).read_text()[:9] for name in (".gitignore", "CACHEDIR.TAG")]
        assert marks == ["*\n", "Signature"]
    assert number > 50
    record_property("faults", {"what": "power cuts", "of": "create", "steps": done.steps, "faults": number})


def cut_command(stage: Stage, place: Path, stride: int, note: Note) -> None:
    """Cut the power in a command; every `stride`-th image is gone on from."""
    stage.reset()
    start = place / "start"
    shutil.copytree(stage.lib, start)
    log = place / "log"
    done = stage.run(log=str(log))
    assert done.code == 0, done
    for path in stage.lib.glob(".anyseek*"):
        shutil.rmtree(path)
    if (start / ".anyseek").exists():
        shutil.copytree(start / ".anyseek", stage.index)
    number = 0
    for number, (n_marks, image) in enumerate(power_cut.cuts(stage.lib, log), 1):
        for path in stage.lib.glob(".anyseek*"):
            shutil.rmtree(path)
        power_cut.lay_out(image, stage.lib, stage.lib, ".anyseek")
        where = f"image {number} of {stage.scenario.name}"
        stage.verify_intact(where)
        if n_marks:
            assert state(stage.index) == stage.after, f"it was reported as done: {where}"
        if number % stride == 0:
            stage.verify_same_command_succeeds(where)
    note("faults", {"what": "power cuts", "of": stage.scenario.name, "steps": done.steps, "faults": number})


def test_a_power_cut_while_tags_are_written(
    stage_of: Callable[[str], Stage], tmp_path: Path, record_property: Note
) -> None:
    cut_command(stage_of("tag"), tmp_path, 10, record_property)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_power_cut_in_a_command(
    stage_of: Callable[[str], Stage], tmp_path: Path, record_property: Note, name: str
) -> None:
    cut_command(stage_of(name), tmp_path, 20, record_property)
