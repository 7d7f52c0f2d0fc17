"""Write the parts of the pages that follow from the code: `python docs/generate.py [--demo] [PAGE...]`.

Between `<!-- generated: NAME -->` and `<!-- end -->` stand tables and help texts; in ```console blocks what
the commands print (see snippets.py). With --demo the demo is run, and its transcript and its contact sheet
are taken over. A test compares the pages with what this would write.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(DOCS), str(ROOT / "sample_data"), str(ROOT / "tests" / "support")]

from demo_files import demo_files  # noqa: E402
from snippets import Session, refreshed, stable  # noqa: E402

from anyseek import errors  # noqa: E402

PAGES = (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
COMMANDS = (
    "",
    "index",
    "search",
    "similar",
    "status",
    "doctor",
    "tag",
    "duplicates",
    "map",
    "eval",
    "watch",
    "forget",
    "classify",
    "reindex",
    "models",
    "models show",
    "models pull",
    "models path",
    "store",
    "store show",
    "store set",
    "store refresh",
    "compact",
    "export",
    "import",
    "bench",
    "bench model",
    "serve",
    "mcp",
)
PART = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
NOT_ERRORS = (
    (errors.EXIT_OK, "done"),
    (errors.EXIT_BUG, "a bug of Anyseek; with `--exit-code`, a search without hits"),
    (errors.EXIT_NEW_PROBLEMS, "done, but this run met files that cannot be read"),
    (errors.EXIT_INTERRUPTED, "stopped by Ctrl-C; what was committed stays"),
    (errors.EXIT_TERMINATED, "terminated; what was committed stays"),
)


def error_classes(root: type[errors.AnyseekError] = errors.AnyseekError) -> list[type[errors.AnyseekError]]:
    """All classes below the root, by exit code; those of other modules are of no concern outside of them."""
    classes = [one for child in root.__subclasses__() for one in (child, *error_classes(child))]
    classes = [one for one in classes if one.__module__ == errors.__name__]
    return sorted(set(classes), key=lambda one: (one.exit_code, one.code))


def errors_table() -> str:
    """Exit codes, with the classes that end with them and what these mean."""
    rows = [(code, "", "", meaning) for code, meaning in NOT_ERRORS]
    for one in error_classes():
        meaning = (one.__doc__ or "").split("\n")[0].rstrip(".")
        rows.append((one.exit_code, f"`{one.code}`", f"`{one.__name__}`", meaning))
    lines = [f"| {code} | {word} | {name} | {meaning} |" for code, word, name, meaning in sorted(rows)]
    return "\n".join(["| exit code | code | class | meaning |", "| --- | --- | --- | --- |", *lines]) + "\n"


def help_texts() -> str:
    """`--help` of the program and of each command."""
    parts = []
    for command in COMMANDS:
        line = " ".join(["anyseek", *([command] if command else []), "--help"])
        environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
        done = subprocess.run(
            [sys.executable, "-m", *line.split()],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
            cwd=DOCS,
        )
        text = re.sub(r"(?m) +$", "", done.stdout).replace("python -m anyseek", "anyseek").strip()
        parts.append(f"## anyseek {command}".rstrip() + f"\n\n```text\n$ {line}\n{text}\n```\n")
    return "\n".join(parts)


def formats_table() -> str:
    """Every format that is recognised, by modality, with the suffixes that claim it."""
    from anyseek.media.formats import FORMATS

    lines = ["| modality | format | suffixes |", "| --- | --- | --- |"]
    for modality in dict.fromkeys(row.modality for row in FORMATS):
        rows = [row for row in FORMATS if row.modality is modality]
        lines += [
            f"| {modality} | {row.name} | {' '.join(f'`{one}`' for one in row.suffixes)} |" for row in rows
        ]
    return "\n".join(lines) + "\n"


EXAMPLES = {
    "search.py": "Search from Python",
    "retrieval_backend.py": "A retrieval backend: filters, several queries at a time",
    "watch_and_reindex.py": "Watch a folder and reindex it",
    "evaluate.py": "Recall on your own pairs",
    "http_client.py": "A server, asked over HTTP",
    "langchain_retriever.py": "A retriever for LangChain",
}


def examples() -> str:
    """The programs of examples/, each under what it shows."""
    parts = []
    for name, title in EXAMPLES.items():
        program = (ROOT / "examples" / name).read_text(encoding="utf-8")
        parts.append(f"## {title}\n\n`examples/{name}`\n\n```py\n{program}```\n")
    return "\n".join(parts)


def decisions() -> str:
    """The decision records, by their titles."""
    lines = []
    for path in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines) + "\n"


def credits() -> str:
    """Whose photographs the demo copies."""
    from photos import credits_table

    return credits_table()


GENERATORS: dict[str, Callable[[], str]] = {
    "errors": errors_table,
    "help": help_texts,
    "formats": formats_table,
    "credits": credits,
    "decisions": decisions,
    "examples": examples,
}


def with_parts(page: str) -> str:
    """The page with its generated tables and help texts as they should be."""

    def written(part: re.Match[str]) -> str:
        maker = GENERATORS.get(part[2])
        return f"{part[1]}{maker()}{part[3]}" if maker else part[0]

    return PART.sub(written, page)


def workplace(home: Path, cache: Path, quick: bool = False) -> Session:
    """A terminal in a folder as it is after `make demo`: the samples in demo/samples, indexed.

    quick: smaller renders, made in seconds, for what does not depend on scores.
    """
    samples = home / "demo" / "samples"
    shutil.copytree(demo_files(cache, quick=quick), samples)
    index_samples(samples)
    return Session(home, home)


def index_samples(samples: Path) -> None:
    """Index the samples anew, by one worker: files and segments get the same numbers every time."""
    shutil.rmtree(samples / ".anyseek", ignore_errors=True)
    command = [sys.executable, "-m", "anyseek", "index", str(samples), "--quiet", "--workers", "1"]
    done = subprocess.run(command, cwd=samples.parent, capture_output=True, text=True, check=False)
    if done.returncode != errors.EXIT_NEW_PROBLEMS:  # some of the samples are damaged
        raise RuntimeError(f"anyseek index ended with {done.returncode}: {done.stderr}")


def take_demo() -> None:
    """Run the demo as if for the first time; put its transcript into demo.md and its contact sheet into images/."""
    (ROOT / "demo/samples-made-by").unlink(missing_ok=True)
    command = [sys.executable, str(ROOT / "sample_data/demo.py"), "--folder", str(ROOT / "demo")]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    )
    # Progress is printed on a slow machine only.
    output = re.sub(r"^[\d,]+ of [\d,]+ files, .*\n", "", done.stdout, flags=re.MULTILINE)
    transcript = output.replace(f"{ROOT}/", "").strip()
    shutil.copyfile(ROOT / "demo/contact-sheet.png", DOCS / "images/contact-sheet.png")
    take_transcript("demo.md", "make demo", transcript)


def take_sessions() -> None:
    """Put the session of an agent into serve.md, and that of models into models.md."""
    index_samples(ROOT / "demo/samples")
    for page, script, argument in (
        ("serve.md", "agent_session.py", "demo/samples/.anyseek"),
        ("models.md", "models_session.py", "demo/samples"),
    ):
        command = [sys.executable, str(DOCS / script), argument]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        output = done.stdout.replace(f"{ROOT}/", "").strip()
        take_transcript(page, f"python docs/{script} {argument}", output)


def take_transcript(name: str, command: str, output: str) -> None:
    """Put what a command printed into the page's transcript."""
    page = (DOCS / name).read_text(encoding="utf-8")
    part = re.compile(r"(<!-- generated: transcript -->\n)(.*?)(<!-- end -->)", re.DOTALL)
    transcript = f"```text\n$ {command}\n{output}\n```\n"
    page = part.sub(lambda match: match[1] + stable(match[2], transcript) + match[3], page)
    (DOCS / name).write_text(page, encoding="utf-8")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write the generated parts of the pages.")
    parser.add_argument("--demo", action="store_true", help="run the demo too, and take over what it shows")
    parser.add_argument("pages", nargs="*", type=Path, metavar="PAGE", help="only these, as docs/errors.md")
    arguments = parser.parse_args()
    if arguments.demo:
        take_demo()
        take_sessions()
    for path in [page.resolve() for page in arguments.pages] or PAGES:
        page = with_parts(path.read_text(encoding="utf-8"))
        if "```console" in page:
            with tempfile.TemporaryDirectory() as home:
                page = refreshed(page, workplace(Path(home).resolve(), ROOT / "build" / "samples"))
        path.write_text(page, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
