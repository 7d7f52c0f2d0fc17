"""The commands: each module adds its own to the program by `register(app)`, in the order of the help."""

from anyseek.terminal.commands import (
    bench,
    classify,
    doctor,
    duplicates,
    evaluate,
    exchange,
    index,
    map,
    models,
    reindex,
    search,
    serve,
    status,
    store,
    tag,
    watch,
)

ALL = (
    index,
    search,
    status,
    doctor,
    tag,
    duplicates,
    map,
    evaluate,
    watch,
    classify,
    models,
    reindex,
    exchange,
    store,
    bench,
    serve,
)
