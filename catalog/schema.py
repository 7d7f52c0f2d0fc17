"""The catalog's tables, format 3. A change here is a new format number and a step in migrations.py."""

from __future__ import annotations

FORMAT = 3

APPLICATION_ID = 0x416E7973  # "Anys": `file catalog.sqlite` and we ourselves can tell whose file it is

# roots.path is absolute; roots.relative leads there from the index folder, NULL when there is no such way.
# files.path is relative to its root, bytes. state 'partial' is the catalog's own: the file's segments come
# over several transactions and nobody sees it yet. A row with problem_code has failed, whatever its state
# says meanwhile. embeddings.visible is 1 when a search may return the row; modality is repeated there so
# that a filter by modality reads one index. embeddings.crc is zlib.crc32 of the row's bytes.
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
    excerpt TEXT NOT NULL
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

# What people made. tags: `folded` is compared, `tag` is shown.
KEPT: tuple[str, ...] = (
    "CREATE TABLE tags (folded TEXT NOT NULL, file_id INTEGER NOT NULL, tag TEXT NOT NULL,"
    " PRIMARY KEY (folded, file_id)) WITHOUT ROWID",
    "CREATE INDEX tags_by_file ON tags (file_id)",
)

# The words of files. file_words: a row a file, its path and its name folded, and what a caption beside or inside it
# says. passages: a row a segment of text, whole. file_index, passage_index: their tokens (tokens.py), which the
# tokenizer `ascii` takes apart at the spaces. Triggers keep all in step with files and segments, so that no writer can
# forget them.
NAME = "substr(p, length(rtrim(p, replace(p, '/', ''))) + 1)"  # what follows the last "/"
WORDS: tuple[str, ...] = (
    "CREATE TABLE file_words (file_id INTEGER PRIMARY KEY, path TEXT NOT NULL, name TEXT NOT NULL,"
    " caption TEXT NOT NULL DEFAULT '')",
    "CREATE TABLE passages (segment_id INTEGER PRIMARY KEY, text TEXT NOT NULL)",
    "CREATE VIRTUAL TABLE file_index USING fts5(path, caption, tokenize = 'ascii')",
    "CREATE VIRTUAL TABLE passage_index USING fts5(text, tokenize = 'ascii')",
    "CREATE TRIGGER file_words_added AFTER INSERT ON file_words BEGIN"
    " INSERT INTO file_index (rowid, path, caption)"
    " VALUES (new.file_id, word_tokens(new.path), word_tokens(new.caption)); END",
    "CREATE TRIGGER file_words_changed AFTER UPDATE ON file_words BEGIN"
    " UPDATE file_index SET path = word_tokens(new.path), caption = word_tokens(new.caption)"
    " WHERE rowid = new.file_id; END",
    "CREATE TRIGGER file_words_gone AFTER DELETE ON file_words BEGIN"
    " DELETE FROM file_index WHERE rowid = old.file_id; END",
    "CREATE TRIGGER passages_added AFTER INSERT ON passages BEGIN"
    " INSERT INTO passage_index (rowid, text) VALUES (new.segment_id, word_tokens(new.text)); END",
    "CREATE TRIGGER passages_changed AFTER UPDATE ON passages BEGIN"
    " UPDATE passage_index SET text = word_tokens(new.text) WHERE rowid = new.segment_id; END",
    "CREATE TRIGGER passages_gone AFTER DELETE ON passages BEGIN"
    " DELETE FROM passage_index WHERE rowid = old.segment_id; END",
    "CREATE TRIGGER files_named AFTER INSERT ON files BEGIN INSERT INTO file_words (file_id, path, name)"
    f" SELECT new.file_id, p, {NAME} FROM (SELECT fold(new.path) AS p); END",
    "CREATE TRIGGER files_renamed AFTER UPDATE OF path ON files WHEN new.path != old.path BEGIN"
    f" UPDATE file_words SET (path, name) = (SELECT p, {NAME} FROM (SELECT fold(new.path) AS p))"
    " WHERE file_id = new.file_id; END",
    "CREATE TRIGGER files_forgotten AFTER DELETE ON files BEGIN"
    " DELETE FROM file_words WHERE file_id = old.file_id; DELETE FROM tags WHERE file_id = old.file_id; END",
    "CREATE TRIGGER segments_forgotten AFTER DELETE ON segments WHEN old.modality = 'text' BEGIN"
    " DELETE FROM passages WHERE segment_id = old.segment_id; END",
)
