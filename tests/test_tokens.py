"""Tokens of the word index: whole words of scripts with spaces, any part of a run of others, in files and queries."""

from __future__ import annotations

import sqlite3
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from anyseek.tokens import keywords, name_tokens, parts_of, phrase, word_tokens


def is_found(query: str, text: str) -> bool:
    """By FTS5 itself, set up as the catalog's tables are."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'ascii')")
    connection.execute("INSERT INTO words VALUES (?)", [word_tokens(text)])
    found = connection.execute("SELECT count(*) FROM words WHERE words MATCH ?", [query]).fetchone()[0]
    connection.close()
    return bool(found)


RUNS = {
    "Chinese": "今天我在森林里看见一只红色的狐狸𠀀𠮷",
    "Japanese": "昨日サンドボックスを見ました桜がきれい々ー",
    "Korean": "빨간강아지가집에있다",
    "Thai": "เมื่อวานฉันเห็นสุนัขสีแดง",
    "Lao": "ໝາສີແດງຢູ່ເຮືອນ",
    "Khmer": "ឆ្កែពណ៌ក្រហមនៅផ្ទះ",
    "Burmese": "ခွေးနီသည်အိမ်မှာရှိသည်",
    "Javanese": "ꦱꦼꦒꦲꦸꦮꦺꦴꦁ",
    "Balinese": "ᬘᬶᬘᬶᬂᬩᬭᬓ᭄",
    "Cham": "ꨀꨔꨭꨩꨠꨣꨳ",
    "Tai Le": "ᥛᥣᥴᥘᥦᥒᥴ",
    "Tai Tham": "ᩉ᩠ᨾᩣᨯᩯ᩠ᨦ",
    "Yi": "ꈌꆀꅐꑸ",
    "Tangut": "𗼇𗟲𗖻",
}


@pytest.mark.thorough
@pytest.mark.parametrize("script", RUNS)
@given(st.data())
def test_any_two_letters_or_more_of_a_run_are_a_phrase_of_it(script: str, data: st.DataObject) -> None:
    letters = st.sampled_from(RUNS[script])
    text = unicodedata.normalize("NFC", data.draw(st.text(letters, min_size=2, max_size=12)))
    start = data.draw(st.integers(0, max(0, len(text) - 2)))
    part = text[start : data.draw(st.integers(start + 2, max(start + 2, len(text))))]
    if word_tokens(part) and unicodedata.combining(part[0]) == 0:
        assert is_found(phrase(part), f"red {text}. blue")


@pytest.mark.parametrize("script", RUNS)
def test_every_letter_of_a_run_is_found_alone(script: str) -> None:
    for letter in RUNS[script]:
        if unicodedata.category(letter)[0] == "L":
            assert is_found(phrase(letter), RUNS[script])


WORDS = st.sampled_from("red fox größe naïve МОСКВА ёжик कुत्ता किताब کتاب ספר 1234 gen2 ΌΣΟΣ Đông fi".split())


@given(st.lists(WORDS, min_size=1, max_size=6), WORDS)
def test_words_of_scripts_with_spaces_are_whole_words(text: list[str], word: str) -> None:
    whole = {word_tokens(one) for one in text}
    assert is_found(phrase(word), ", ".join(text)) is (word_tokens(word) in whole)


@given(st.lists(WORDS | st.sampled_from(list(RUNS.values())), min_size=1, max_size=6), st.data())
def test_neighbours_are_a_phrase_and_others_are_not(text: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    assert is_found(phrase(" ".join(text[start:end])), "; ".join(text))
    assert not is_found(phrase(" ".join([*text, "other"])), "; ".join(text))


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("cafe", "Café"),
        ("café", "CAFE\u0301"),
        ("ABC", "\uff21\uff22\uff23"),  # full width
        ("ガイド", "\uff76\uff9e\uff72\uff84\uff9e"),  # half width
        ("ガイド", unicodedata.normalize("NFD", "ガイド")),
        ("한국", unicodedata.normalize("NFD", "한국")),
        ("strasse", "Straße"),
        ("hyphenated", "hyphen\u00adated"),
        ("عربي", "عَرَبِيّ"),  # with vowels
        ("שלום", "שָׁלוֹם"),  # with points
        ("میخواهم", "می\u200cخواهم"),  # with a zero-width non-joiner
        ("ежик", "ёжик"),
        ("istanbul", "İstanbul"),
        ("ISTANBUL", "istanbul"),
        ("ısparta", "ISPARTA"),
        ("isparta", "ısparta"),
        ("İSPARTA", "ısparta"),
        ("STRAẞE", "strasse"),
        ("ΟΔΟΣ", "οδός"),
        ("final", "ﬁnal"),
        ("lodz", "ŁÓDŹ"),
        ("smorrebrod", "smørrebrød"),
        ("м'ята", "мʼята"),
        ("lego", "Lego™"),
        ("كتاب", "كتــاب"),  # lengthened
        ("احمد", "أحمد"),
        ("اسلام", "إسلام"),
        ("القران", "القرآن"),
        ("مدرسه", "مدرسة"),
        ("على", "علی"),  # the yeh of another keyboard
        ("كتاب", "کتاب"),
        ("کتاب", "كِتَابٌ"),
        ("שלום", "שׁ\ufb1eלום"),
        ("དམར", "ཁྱི་དམར་པོ་"),  # syllables have their own dots
        ("ខ្ញុំស្រលាញ់", "ខ្ញុំ\u200bស្រលាញ់"),  # words may be parted by what nobody sees
        ("ខ្ញុំ\u200bស្រលាញ់", "ខ្ញុំស្រលាញ់"),
        ("🎂", "party🎂2023"),
        ("🎂", "🎉🎂🎈"),
        ("❤", "❤\ufe0f"),
        ("👍", "👍🏽"),
        ("👍🏿", "👍🏽"),
        ("👩\u200d🍳", "the 👩\u200d🍳 cooks"),
        ("🍳", "the 👩\u200d🍳 cooks"),
        ("🇩🇪", "🇫🇷🇩🇪"),
        ("1\ufe0f\u20e3", "1"),
        ("★", "three ★★★ stars"),
        ("итгc", "итгC后50"),
        ("狐", "狐狸"),
        ("狸", "狐狸"),
    ],
)
def test_what_readers_take_for_one_word(typed: str, stored: str) -> None:
    assert is_found(phrase(typed), f"one {stored} two")


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("कुत्ता", "किताब"),  # the same consonants would be left without vowel signs
        ("क", "कुत्ता"),
        ("и", "й"),
        ("色狐", "红色，狐狸"),
        ("fox", "foxes"),
        ("狐狸", "狐 狸"),
        ("🎂", "🎈"),
        ("🇩🇪", "🇩🇰"),
        ("🇪🇫", "🇩🇪🇫🇷"),
        ("cake", "🎂"),
    ],
)
def test_what_is_another_word(typed: str, stored: str) -> None:
    assert not is_found(phrase(typed), stored)


@pytest.mark.parametrize(
    ("name", "found_by", "not_by"),
    [
        ("IMG_2041.jpg", "2041 img_2041 IMG_2041 img2041 IMG2041", "204 41 img20"),
        ("IMG2041.jpg", "2041 img_2041 IMG_2041 img2041 IMG2041", "204 41 img20"),
        ("DSC01234.JPG", "1234 01234 dsc01234 dsc_01234 DSC1234", "0 234"),
        ("B 4711.txt", "4711", "47"),
        ("B4711.txt", "4711 b4711 b_4711", "471"),
        ("TripToRome2019", "trip rome 2019 TripToRome2019 triptorome2019 TripToRome trip_to_rome", "2 tri"),
        ("HTMLParser.py", "html parser htmlparser html_parser", "p"),
        ("IMG-0041 (2).jpg", "41 0041 img41 2", "4 004"),
        ("a3f9b2c1d4.jpg", "a3f9b2c1d4", "a 3 9 b2"),
        ("song.mp3", "mp3 song", "mp 3"),
        ("2021-07-04.png", "07 04 2021", "7 4"),
        ("été2019.png", "ete 2019 été2019", "19"),
    ],
)
def test_a_name_is_found_by_the_parts_of_its_words(name: str, found_by: str, not_by: str) -> None:
    stored = f" {name_tokens(name)} "

    def is_found(query: str) -> bool:
        (keyword,) = keywords(query)
        ways = {phrase(keyword), phrase(keyword.replace("_", ""))}
        return any(f" {way.strip(chr(34))} " in stored for way in ways)

    assert [query for query in found_by.split() if not is_found(query)] == []
    assert [query for query in not_by.split() if is_found(query)] == []


def test_keywords_of_a_query() -> None:
    assert keywords("A Red 狐狸が, IMG_1234.jpg") == ["a", "red", "狐狸が", "img_1234", "jpg"]
    assert keywords("重跑gen-itgc后50条") == ["重跑", "gen", "itgc", "后", "50", "条"]
    assert keywords("... _ 🙂🇩🇪") == ["🙂", "🇩🇪"]
    assert keywords("ខ្ញុំ\u200bស្រលាញ់") == ["ខ្ញុំ", "ស្រលាញ់"]
    assert parts_of("红色狐狸") == ["红色", "色狐", "狐狸"]
    assert parts_of("東京のサンドボックス") == ["東京", "サンドボックス"]
    assert parts_of("狐狸") == parts_of("สุนัข") == parts_of("강아지") == parts_of("fox") == []


LETTERS = [chr(code) for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000]
BREAKING = "SA ID CJ AK AS AP H2 H3 JL JV JT".split()


def not_found(texts: dict[str, str]) -> list[str]:
    """Which queries, by FTS5 itself, do not find their text."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'ascii')")
    connection.executemany("INSERT INTO words VALUES (?)", ([word_tokens(text)] for text in texts.values()))
    sql = "SELECT count(*) FROM words WHERE words MATCH ? AND rowid = ?"
    missed = [
        query
        for row, query in enumerate(texts, 1)
        if connection.execute(sql, [phrase(query), row]).fetchone() == (0,)
    ]
    connection.close()
    return missed


@pytest.mark.thorough
def test_every_script_that_lines_break_inside_of_is_taken_apart() -> None:
    """By the properties of Unicode itself: no script is left out."""
    breaks = regex.compile("".join(["[", *(rf"\p{{LB={name}}}" for name in BREAKING), "]"]))
    letters = [
        letter
        for letter in LETTERS
        if unicodedata.category(letter)[0] == "L"
        and breaks.match(letter)
        and unicodedata.normalize("NFKD", letter) == letter
    ]
    rare = [letter for letter in letters if "IDEOGRAPH" not in unicodedata.name(letter, "")]
    chosen = {*rare, *letters[::97]}
    assert not_found({letter: f"{letter}{letter}b" for letter in chosen}) == []


def test_every_emoji_is_a_word() -> None:
    """But for those that are letters and marks in another form (NFKD), and for code points of later versions."""
    emoji = regex.compile(r"\p{Extended_Pictographic}|\p{Emoji_Presentation}")
    shades = range(0x1F3FB, 0x1F400)
    chosen = [
        sign
        for sign in LETTERS
        if emoji.match(sign)
        and unicodedata.normalize("NFKD", sign) == sign
        and unicodedata.category(sign) != "Cn"
        and sign not in "©®"
        and ord(sign) not in shades
    ]
    assert len(chosen) > 1000
    assert not_found({sign: f"party{sign}a" for sign in chosen}) == []


@given(st.text(max_size=40))
def test_any_text_is_a_phrase_of_itself(text: str) -> None:
    expression = phrase(text)
    assert bool(expression) is bool(word_tokens(text))
    if expression:
        assert is_found(expression, text)


def test_undecodable_bytes_are_no_letters() -> None:
    assert word_tokens("caf\udce9 1") == "caf 1"
