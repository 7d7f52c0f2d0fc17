"""The catalog's tables, format 5. A change here, or of what folding.py, tokens.py and stems.py make of a text, is a new
format number and a step in migrations.py."""

from __future__ import annotations

FORMAT = 5

APPLICATION_ID = 0x416E7973  # "Anys": `file catalog.sqlite` and we ourselves can tell whose file it is

# roots.path is absolute; roots.relative leads there from the index folder, NULL when there is no such way.
# files.path is relative to its root, bytes. state 'partial' is the catalog's own: the file's segments come
# over several transactions and nobody sees it yet. A row with problem_code has failed, whatever its state
# says meanwhile. embeddings.visible is 1 when a search may return the row; modality is repeated there so
# that a filter by modality reads one index. embeddings.crc is zlib.crc32 of the row's bytes,
# segments.crc that of all that the segment says, its passage included (sql_functions.segment_crc).
TABLES = """
CREATE TABLE index_info (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE roots (root INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, relative BLOB);
CREATE TABLE spaces (
    space_id INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL UNIQUE,
    dim INTEGER NOT NULL,
    card TEXT NOT NULL,
    generation INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    live INTEGER NOT NULL
);
CREATE TABLE files (
    file_id INTEGER PRIMARY KEY AUTOINCREMENT,
    root INTEGER NOT NULL,
    path BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    content_hash BLOB NOT NULL,
    modality TEXT,
    state TEXT NOT NULL,
    problem_code TEXT,
    problem_stage TEXT,
    problem_reason TEXT,
    change INTEGER NOT NULL,
    UNIQUE (root, path)
);
CREATE INDEX files_by_hash ON files (content_hash);
CREATE INDEX files_with_problem ON files (problem_code) WHERE problem_code IS NOT NULL;
CREATE INDEX files_partial ON files (state) WHERE state = 'partial';
CREATE TABLE segments (
    segment_id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id INTEGER NOT NULL,
    modality TEXT NOT NULL,
    start REAL NOT NULL,
    end REAL NOT NULL,
    unit TEXT NOT NULL,
    excerpt TEXT NOT NULL,
    crc INTEGER NOT NULL
);
CREATE INDEX segments_by_file ON segments (file_id);
CREATE TABLE embeddings (
    space_id INTEGER NOT NULL,
    row INTEGER NOT NULL,
    segment_id INTEGER NOT NULL,
    modality TEXT NOT NULL,
    visible INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (space_id, row)
) WITHOUT ROWID;
CREATE INDEX embeddings_by_segment ON embeddings (segment_id);
CREATE INDEX embeddings_visible ON embeddings (space_id, visible, modality);
CREATE TABLE runs (
    run_id INTEGER PRIMARY KEY AUTOINCREMENT,
    command TEXT NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    report TEXT
);
CREATE TABLE changes (change INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, what TEXT NOT NULL);
"""

# The words of files. file_words: a row a file, its path and its name folded, and what a caption beside or inside it
# says. passages: a row a segment of text, whole. file_index, passage_index: their tokens (tokens.py; those of
# paths as they are written, since capitals part words), which the tokenizer `ascii` takes apart at the spaces, and the
# stems of those that are not their own stem (stems.py), in columns of their own, so that an exact phrase can pass them
# over. Triggers keep all in step with files and segments, so that no writer can forget them.
NAME = "substr(p, length(rtrim(p, replace(p, '/', ''))) + 1)"  # what follows the last "/"
# Of a path and a caption, what is in file_index. As a blob: of a path that damage has made a text, too.
_FOLDERS, _FILE_NAME = "folder_words(CAST({0} AS BLOB))", "name_words(CAST({0} AS BLOB))"
INDEXED = (
    f"{_FOLDERS}, {_FILE_NAME}, word_tokens({{1}}),"
    f" word_stems({_FOLDERS}), word_stems({_FILE_NAME}), word_stems({{1}})"
)
WORDS: tuple[str, ...] = (
    "CREATE TABLE file_words (file_id INTEGER PRIMARY KEY, path TEXT NOT NULL, name TEXT NOT NULL,"
    " caption TEXT NOT NULL DEFAULT '')",
    "CREATE TABLE passages (segment_id INTEGER PRIMARY KEY, text TEXT NOT NULL)",
    "CREATE VIRTUAL TABLE file_index USING fts5(folders, name, caption, folder_stems, name_stems, caption_stems,"
    " tokenize = 'ascii')",
    "CREATE VIRTUAL TABLE passage_index USING fts5(text, stems, tokenize = 'ascii')",
    "CREATE TRIGGER file_words_added AFTER INSERT ON file_words BEGIN"
    " INSERT INTO file_index (rowid, folders, name, caption, folder_stems, name_stems, caption_stems)"
    f" SELECT new.file_id, {INDEXED.format('f.path', 'new.caption')} FROM files f WHERE f.file_id = new.file_id; END",
    "CREATE TRIGGER file_words_changed AFTER UPDATE ON file_words BEGIN"
    " UPDATE file_index SET (folders, name, caption, folder_stems, name_stems, caption_stems) ="
    f" (SELECT {INDEXED.format('f.path', 'new.caption')} FROM files f WHERE f.file_id = new.file_id)"
    " WHERE rowid = new.file_id; END",
    "CREATE TRIGGER file_words_gone AFTER DELETE ON file_words BEGIN"
    " DELETE FROM file_index WHERE rowid = old.file_id; END",
    "CREATE TRIGGER passages_added AFTER INSERT ON passages BEGIN"
    " INSERT INTO passage_index (rowid, text, stems)"
    " VALUES (new.segment_id, word_tokens(new.text), word_stems(new.text)); END",
    "CREATE TRIGGER passages_changed AFTER UPDATE ON passages BEGIN"
    " UPDATE passage_index SET text = word_tokens(new.text), stems = word_stems(new.text)"
    " WHERE rowid = new.segment_id; END",
    "CREATE TRIGGER passages_gone AFTER DELETE ON passages BEGIN"
    " DELETE FROM passage_index WHERE rowid = old.segment_id; END",
    "CREATE TRIGGER files_named AFTER INSERT ON files BEGIN INSERT INTO file_words (file_id, path, name)"
    f" SELECT new.file_id, p, {NAME} FROM (SELECT fold(new.path) AS p); END",
    "CREATE TRIGGER files_renamed AFTER UPDATE OF path ON files WHEN new.path != old.path BEGIN"
    f" UPDATE file_words SET (path, name) = (SELECT p, {NAME} FROM (SELECT fold(new.path) AS p))"
    " WHERE file_id = new.file_id; END",
    "CREATE TRIGGER files_forgotten AFTER DELETE ON files BEGIN"
    " DELETE FROM file_words WHERE file_id = old.file_id; END",
    "CREATE TRIGGER segments_forgotten AFTER DELETE ON segments WHEN old.modality = 'text' BEGIN"
    " DELETE FROM passages WHERE segment_id = old.segment_id; END",
)


def place_of(file: str) -> str:
    """SQL for where a file lies: its root's recorded path and its own, as bytes; NULL for a file of no root."""
    return (
        f"(SELECT CAST(rtrim(r.path, '/') || '/' || {file}.path AS BLOB)"
        f" FROM roots r WHERE r.root = {file}.root)"
    )


def _kept(file: str) -> str:
    """Trigger: an event on a file's row leaves its tags in kept_tags, where they can be told from others."""
    return (
        "INSERT OR REPLACE INTO kept_tags (content_hash, place, folded, tag)"
        f" SELECT {file}.content_hash, coalesce({place_of(file)}, x''), t.folded, t.tag FROM tags t"
        f" WHERE t.file_id = {file}.file_id"
        f" AND (length({file}.content_hash) > 0 OR {place_of(file)} IS NOT NULL);"
    )


# Kept tags of the file's content at the file's place, else of its content anywhere; and those of its place.
_RETURNED = (
    "INSERT OR IGNORE INTO tags (folded, file_id, tag) SELECT k.folded, new.file_id, k.tag FROM kept_tags k"
    f" WHERE k.place = {place_of('new')} AND k.place != x'';"
    " INSERT OR IGNORE INTO tags (folded, file_id, tag) SELECT k.folded, new.file_id, k.tag FROM kept_tags k"
    " WHERE k.content_hash = new.content_hash AND length(new.content_hash) > 0 AND NOT EXISTS"
    " (SELECT 1 FROM kept_tags s WHERE s.content_hash = new.content_hash"
    f" AND s.place = {place_of('new')});"
)

# What people made, and what protects it. tags: of the files that the index has; `folded` is compared, `tag` is shown.
# kept_tags: of files that it had, by content and by place (absolute; x'' where it is unknown), for when they come
# again. When a tagged file goes, files of the same content that stay get its tags. Rows stay in kept_tags until the tag
# is taken away from a file of that content or place. folders: the folders of the last scan, by which one that was
# emptied can be told from one whose drive is not there (indexer/emptied.py).
KEPT: tuple[str, ...] = (
    "CREATE TABLE tags (folded TEXT NOT NULL, file_id INTEGER NOT NULL, tag TEXT NOT NULL,"
    " PRIMARY KEY (folded, file_id)) WITHOUT ROWID",
    "CREATE INDEX tags_by_file ON tags (file_id)",
    "CREATE TABLE kept_tags (content_hash BLOB NOT NULL, place BLOB NOT NULL, folded TEXT NOT NULL,"
    " tag TEXT NOT NULL, PRIMARY KEY (content_hash, place, folded)) WITHOUT ROWID",
    "CREATE INDEX kept_tags_by_place ON kept_tags (place)",
    "CREATE TRIGGER tags_kept BEFORE DELETE ON files BEGIN "
    + _kept("old")
    + " INSERT OR IGNORE INTO tags (folded, file_id, tag) SELECT t.folded, f.file_id, t.tag FROM tags t"
    " JOIN files f ON f.content_hash = old.content_hash AND f.file_id != old.file_id"
    " WHERE t.file_id = old.file_id AND length(old.content_hash) > 0 AND old.state != 'partial';"
    " DELETE FROM tags WHERE file_id = old.file_id; END",
    "CREATE TRIGGER tags_kept_by_content BEFORE UPDATE OF content_hash ON files"
    " WHEN length(old.content_hash) > 0 AND length(new.content_hash) = 0 BEGIN " + _kept("old") + " END",
    f"CREATE TRIGGER tags_returned AFTER INSERT ON files BEGIN {_RETURNED} END",
    "CREATE TRIGGER tags_returned_by_content AFTER UPDATE OF content_hash ON files"
    f" WHEN new.content_hash != old.content_hash BEGIN {_RETURNED} END",
    "CREATE TABLE folders (root INTEGER NOT NULL, path BLOB NOT NULL, inode INTEGER NOT NULL,"
    " is_mount INTEGER NOT NULL, PRIMARY KEY (root, path)) WITHOUT ROWID",
)
