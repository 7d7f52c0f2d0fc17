"""The one door to the stores: which there are, which one was chosen for an index, and that one opened.

A package adds a store through the entry point group `anyseek.stores`: a name, and a StoreBackend class. The built-in
ones are listed here, because a cold search must not read the metadata of every installed package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from anyseek.errors import AnyseekError, IndexDamaged, UsageError
from anyseek.option_info import options_of
from anyseek.plugins import Group
from anyseek.printable import printable
from anyseek.stores.backend_options import StoreOptions, make_options

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Catalog
    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.stores.backend import State, StoreBackend
    from anyseek.stores.fallback import FallbackStore

AUTO = "auto"
BUILT_IN = {
    "exact": "anyseek.stores.exact_backend:ExactBackend",
    "faiss": "anyseek.stores.faiss_backend:FaissBackend",
    "qdrant": "anyseek.stores.qdrant_backend:QdrantBackend",
}
STORES = Group("anyseek.stores", "store", BUILT_IN)

STORE_SETTING = "store"
_NAME = "name"
"""In the setting, beside the options of the store, which are under its own name."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which store is to answer: `auto` for the rule of auto.py, or the name of one.

    options: of the store, by name; those left out are as they are by default.
    """

    name: str = AUTO
    options: Mapping[str, Any] = field(default_factory=dict)


# ---------------------------------------------------------------- which there are


def names() -> list[str]:
    """What can be chosen: the rule, the built-in stores, and those of packages. Reads the metadata of packages."""
    return [AUTO, *(name for name in STORES.names() if name != AUTO)]


def backend_type(name: str) -> type[StoreBackend[Any]]:
    """The class of the store called `name`, which is not `auto`.

    Raises UsageError, naming those that exist, for another name and for a package that cannot be imported.
    """
    try:
        return _load(name)
    except LookupError:
        raise UsageError(f"There is no store {name!r}.", f"Choose one of: {', '.join(names())}.") from None
    except ImportError as error:
        raise UsageError(
            f"The store {name} cannot be loaded ({error}).", "Install its package again."
        ) from error


def _load(name: str) -> type[StoreBackend[Any]]:
    """Raises LookupError, and ImportError also for what is not the class of a store."""
    kind: type[StoreBackend[Any]] = STORES.load(name)
    if name not in BUILT_IN:
        from anyseek.stores.backend import StoreBackend

        if name == _NAME:
            raise ImportError("the index could not tell it from the name of a store")
        if not (isinstance(kind, type) and issubclass(kind, StoreBackend)):
            raise ImportError(f"{STORES.place(name)} is not a StoreBackend")
        if not (isinstance(kind.options_type, type) and issubclass(kind.options_type, StoreOptions)):
            raise ImportError(f"{STORES.place(name)}.options_type is not a StoreOptions")
    return kind


def options_type(name: str) -> type[StoreOptions]:
    """The options record of a store or of `auto`. Raises UsageError."""
    if name == AUTO:
        from anyseek.stores.auto import AutoOptions

        return AutoOptions
    return backend_type(name).options_type


def backend(choice: Choice, space: SpaceRecord) -> StoreBackend[Any]:
    """What a choice comes to for this space. Raises UsageError for another name and for wrong options."""
    options = make_options(choice.name, options_type(choice.name), choice.options)
    if choice.name == AUTO:
        from anyseek.stores.auto import AutoOptions, backend_for

        assert isinstance(options, AutoOptions)
        return backend_for(space, options)
    return _backend(choice.name, options)


def require(choice: Choice) -> None:
    """Raises UsageError for another name and for wrong options, MissingExtra when a package is missing."""
    options = make_options(choice.name, options_type(choice.name), choice.options)
    if choice.name != AUTO:
        _backend(choice.name, options).require()


def _backend(name: str, options: StoreOptions) -> StoreBackend[Any]:
    kind = backend_type(name)
    if name in BUILT_IN:
        return kind(options)
    from anyseek.stores.guarded import GuardedBackend

    return GuardedBackend(name, kind, options)


def are_alike(one: StoreBackend[Any], other: StoreBackend[Any]) -> bool:
    """Whether two backends are of one store, and share its files."""
    first, second = (getattr(backend, "kind", type(backend)) for backend in (one, other))
    return first is second


def name_of(backend: StoreBackend[Any]) -> str:
    """What the store of a backend is called."""
    kind = getattr(backend, "kind", type(backend))
    names = [name for name, place in BUILT_IN.items() if place == f"{kind.__module__}:{kind.__qualname__}"]
    return names[0] if names else str(getattr(backend, "name", kind.__name__))


def built_in() -> Iterator[StoreBackend[Any]]:
    """The built-in stores with default options, which is all that their files need."""
    for name in BUILT_IN:
        kind = backend_type(name)
        yield kind(kind.options_type())


# ---------------------------------------------------------------- which was chosen


def read_choice(snapshot: Snapshot) -> Choice:
    """As it was set, or the rule. Options that this version of the store does not have are left out."""
    setting = snapshot.settings().get(STORE_SETTING) or {}
    if not is_choice(setting):
        from anyseek.catalog.failures import REPAIR  # not for --help: it imports SQLite

        raise IndexDamaged(
            f"The choice of a store in {printable(str(snapshot.folder))} is not what was stored.", REPAIR
        )
    name = setting.get(_NAME, AUTO)
    if not isinstance(name, str):  # older versions let a package's store be called `name`
        return Choice()
    options = setting.get(name) or {}
    try:
        known = options_of(options_type(name))
    except UsageError:
        return Choice(name, options)
    # Older versions wrote some of the options beside the name.
    options = {**setting, **options}
    return Choice(name, {option: value for option, value in options.items() if option in known})


def is_choice(setting: Any) -> bool:
    """Whether a setting can be a choice of a store."""
    if not isinstance(setting, dict):
        return False
    name = setting.get(_NAME, AUTO)
    return not isinstance(name, str) or isinstance(setting.get(name) or {}, dict)


def is_damaged_choice(settings: dict[str, Any]) -> bool:
    """Whether what the index says of its store cannot be read."""
    return bool(settings.get(STORE_SETTING)) and not is_choice(settings[STORE_SETTING])


def write_choice(catalog: Catalog, choice: Choice) -> None:
    """Keep it in the index. Raises UsageError for wrong options."""
    options = asdict(make_options(choice.name, options_type(choice.name), choice.options))
    setting = {_NAME: choice.name, choice.name: options}
    with catalog.begin() as writer:
        writer.set_setting(STORE_SETTING, setting)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a choice comes to for one space. name: as it was chosen. backend: that store, or where there is a problem
    with the choice itself (a package that is gone, options of another version) the exact one."""

    name: str
    backend: StoreBackend[Any]
    problem: AnyseekError | None = None


def chosen(snapshot: Snapshot, space: SpaceRecord) -> Chosen:
    """Which store is to answer, and why it is exact search if it is not the chosen one. Raises nothing for that."""
    choice = read_choice(snapshot)
    try:
        if reason := _why_missing(choice.name):
            raise UsageError(
                f"The store {choice.name} {reason}.",
                "Install its package again, or choose another: anyseek store set auto",
            )
        return Chosen(choice.name, backend(choice, space))
    except AnyseekError as error:
        return Chosen(choice.name, backend(Choice("exact"), space), error)


def _why_missing(name: str) -> str:
    """Why a store is not there, as "is not installed"; "" for one that can be loaded."""
    if name == AUTO or name in BUILT_IN:
        return ""
    try:
        _load(name)
    except LookupError:
        return "is not installed"
    except ImportError as error:
        return f"cannot be loaded ({error})"
    return ""


# ---------------------------------------------------------------- that one, opened


def open_store(snapshot: Snapshot, space_id: int) -> FallbackStore:
    """The store that was chosen. What it cannot answer is searched exactly, and its `remark` says why."""
    from anyseek.stores.fallback import FallbackStore, remark_on

    space = next(space for space in snapshot.spaces() if space.space_id == space_id)
    made = chosen(snapshot, space)
    if made.problem is not None:
        return FallbackStore(snapshot, space, made.name, None, remark_on(made.problem))
    return FallbackStore(snapshot, space, name_of(made.backend), made.backend)


def state(snapshot: Snapshot) -> State | None:
    """What would answer a search, None for an index without vectors; asks no server. For a store that fails: exact
    search, with a remark."""
    from anyseek.stores.backend import State
    from anyseek.stores.guarded import sentence

    for space in snapshot.spaces()[:1]:
        exactly = State("exact", space.rows, space.rows)
        made = chosen(snapshot, space)
        if made.problem is not None:
            return replace(exactly, remark=str(made.problem))
        try:
            with sentence(f"The store {made.name}", "asked for its state"):
                return made.backend.state(snapshot, space)
        except (AnyseekError, OSError) as error:
            return replace(exactly, remark=str(error))
    return None
