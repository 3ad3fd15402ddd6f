"""Words in the scripts of the world: whole with their marks, and as before where there are none."""

# ruff: noqa: RUF001

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from dirvae.data import docstrings
from dirvae.data.words import unspaced, words_of
from dirvae.topics.documents import default_vectorizer

EARLIER = re.compile(r"(?u)\b[^\W\d_][^\W\d_]+\b")
SENTENCES = {  # as written, and its words
    "Hindi": (
        "मेरी माँ हर सुबह बगीचे के फूलों को पानी देती है।",
        "मेरी माँ हर सुबह बगीचे के फूलों को पानी देती है",
    ),
    "Bangla": ("আমার সোনার বাংলা, আমি তোমায় ভালোবাসি।", "আমার সোনার বাংলা আমি তোমায় ভালোবাসি"),
    "Punjabi": ("ਪੰਜਾਬੀ ਬੋਲੀ ਮਿੱਠੀ ਹੈ।", "ਪੰਜਾਬੀ ਬੋਲੀ ਮਿੱਠੀ ਹੈ"),
    "Gujarati": ("ગુજરાતી ભાષા સુંદર છે.", "ગુજરાતી ભાષા સુંદર છે"),
    "Telugu": ("తెలుగు భాష చాలా అందమైన భాష.", "తెలుగు భాష చాలా అందమైన భాష"),
    "Tamil": ("தமிழ் மொழி மிகவும் பழமையான மொழி.", "தமிழ் மொழி மிகவும் பழமையான மொழி"),
    "Kannada": ("ಕನ್ನಡ ನಾಡು ಸುಂದರವಾಗಿದೆ.", "ಕನ್ನಡ ನಾಡು ಸುಂದರವಾಗಿದೆ"),
    "Malayalam": ("മലയാളം എന്റെ മാതൃഭാഷയാണ്.", "മലയാളം എന്റെ മാതൃഭാഷയാണ്"),
    "Sinhala": ("ශ්\u200dරී ලංකාව ලස්සන රටකි.", "ශ්\u200dරී ලංකාව ලස්සන රටකි"),
    "Tibetan": ("བོད་ཡིག་ནི་སྐད་ཡིག་ཅིག་ཡིན།", "བོད ཡིག ནི སྐད ཡིག ཅིག ཡིན"),
    "Dhivehi": ("ދިވެހި ބަސް މީރު", "ދިވެހި ބަސް މީރު"),
    "Arabic": ("ذَهَبَ الوَلَدُ إِلَى المَدْرَسَةِ.", "ذَهَبَ الوَلَدُ إِلَى المَدْرَسَةِ"),
    "Persian": (
        "می\u200cخواهم کتاب\u200cهای تازه بخوانم.",
        "می\u200cخواهم کتاب\u200cهای تازه بخوانم",
    ),
    "Hebrew": ("בְּרֵאשִׁית בָּרָא אֱלֹהִים", "בְּרֵאשִׁית בָּרָא אֱלֹהִים"),
    "German": ("Die Größe der Häuser überrascht.", "die größe der häuser überrascht"),
    "Turkish": ("İSTANBUL'da İyi bir ışık var", "istanbul da iyi bir ışık var"),
    "Vietnamese": ("Tiếng Việt có sáu thanh điệu.", "tiếng việt có sáu thanh điệu"),
    "Yoruba": ("Ọ̀rẹ́ mi ń kọ́ èdè Yorùbá.", "ọ̀rẹ́ mi kọ́ èdè yorùbá"),
    "Greek": ("Ἐν ἀρχῇ ἦν ὁ λόγος.", "ἐν ἀρχῇ ἦν λόγος"),
    "Russian": ("Больша́я соба́ка гро́мко ла́ет!", "больша́я соба́ка гро́мко ла́ет"),
    "Korean": ("한국어 문장은 띄어쓰기를 한다.", "한국어 문장은 띄어쓰기를 한다"),
    "Amharic": ("ሰላም ለዓለም ሁሉ።", "ሰላም ለዓለም ሁሉ"),
    "Armenian": ("Բարև, գեղեցիկ աշխարհ։", "բարև գեղեցիկ աշխարհ"),
    "Adlam": ("𞤆𞤵𞤤𞤢𞥄𞤪 𞤲𞤣𞤭𞤴𞤢𞤥", "𞤨𞤵𞤤𞤢𞥄𞤪 𞤲𞤣𞤭𞤴𞤢𞤥"),
    "Khmer": ("ភាសា\u200bខ្មែរ\u200bពិរោះ", "ភាសា ខ្មែរ ពិរោះ"),
    "Thai": ("ภาษา ไทย ไพเราะ", "ภาษา ไทย ไพเราะ"),
}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("language", SENTENCES)
def test_words_are_whole_in_every_script(language, form):
    written, words = SENTENCES[language]
    counted = default_vectorizer(2).build_analyzer()(unicodedata.normalize(form, written))
    assert counted == unicodedata.normalize("NFC", words).split()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5कामना कि5 कि_ का", ["का"]),  # no part of a word that has a digit
        ("\u0301abc \u200cخانه", ["abc", "خانه"]),  # a mark without a letter before it
        ("❤️ 👩\u200d💻 👁️\u200d🗨️ 5️⃣ é e\u0301", []),
        ("Kranken\u00adhaus \u202babc\u202c \u2067def\u2069", ["Krankenhaus", "abc", "def"]),
        ("İI ıi i\u0307\u0307", ["İI", "ıi", "i\u0307"]),
        ("don't x2 m² snake_case naïve", ["don", "m²", "naïve"]),
    ],
)
def test_what_is_no_word_is_left_out(text, words):
    assert words_of(text) == words


def _is_mark(character):
    return unicodedata.category(character)[0] == "M" or character in "\u200c\u200d"


def _by_character(text):
    """Words by a loop: runs of letters and marks, without digits in them."""
    runs = [""]
    for character in text:
        inside = character.isalnum() or character == "_" or _is_mark(character)
        runs = [*runs[:-1], runs[-1] + character] if inside else [*runs, ""]
    runs = [run.lstrip("".join(filter(_is_mark, run))) for run in runs]
    return [run for run in runs if len(run) > 1 and not re.search(r"[\d_]", run)]


@given(st.text(st.sampled_from("ab_ -5२काि\u093c\u0301\u05b8\u200d\u200cש𞤆\U0001e944e\nλ")))
def test_words_against_one_character_at_a_time(text):
    assert words_of(text) == _by_character(unicodedata.normalize("NFC", text))


@given(st.text())
def test_texts_without_marks_have_the_words_that_they_had(text):
    text = "".join(c for c in unicodedata.normalize("NFC", text) if not _is_mark(c))
    text = re.sub("[\u00ad\u115f\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]", "", text)
    assert words_of(text) == EARLIER.findall(text)


def test_english_is_counted_as_before():
    texts = docstrings(["numpy"]).texts
    settings = {"stop_words": "english", "min_df": 5, "max_df": 0.5, "max_features": 10_000}
    earlier = CountVectorizer(token_pattern=EARLIER.pattern, **settings)
    now = default_vectorizer(len(texts))
    assert len(texts) > 1000
    assert (earlier.fit_transform(texts) != now.fit_transform(texts)).nnz == 0
    assert now.vocabulary_ == earlier.vocabulary_


UNSPACED = {
    "Chinese": ("自然语言处理是人工智能的重要方向。", "自然 语言 处理 是 人工 智能 的 重要 方向"),
    "Japanese": (
        "私は毎朝公園でコーヒーを飲みながら本を読みます。",
        "私 は 毎朝 公園 で コーヒー を 飲み ながら 本 を 読み ます",
    ),
    "Thai": ("ภาษาไทยเป็นภาษาที่มีวรรณยุกต์", "ภาษา ไทย เป็น ภาษา ที่ มี วรรณยุกต์"),
    "Lao": ("ພາສາລາວເປັນພາສາທີ່ມີວັນນະຍຸດ", "ພາສາ ລາວ ເປັນ ພາສາ ທີ່ ມີ ວັນນະຍຸດ"),
    "Khmer": ("ភាសាខ្មែរជាភាសាផ្លូវការ", "ភាសា ខ្មែរ ជា ភាសា ផ្លូវការ"),
    "Burmese": ("မြန်မာဘာသာစကားသည်ရုံးသုံးဘာသာ", "မြန်မာ ဘာသာ စကား သည် ရုံးသုံး ဘာသာ"),
}


@pytest.mark.parametrize("language", UNSPACED)
def test_scripts_without_spaces_are_told_from_texts_that_were_split(language):
    whole, split = UNSPACED[language]
    assert unspaced(whole).name == language
    assert unspaced(f"{whole} (BERT, 2019)\n    ").name == language
    assert unspaced(split) is None
    assert unspaced(split.replace(" ", "\u200b")) is None
    assert unspaced(f"A long English text quotes {whole} and then goes on, and on.") is None


def test_short_clauses_and_long_words():
    assert unspaced("你好，今天天气很好，我们去公园吧。").name == "Chinese"
    assert unspaced("มหาวิทยาลัย ประชาธิปไตย รัฐธรรมนูญ") is None


@pytest.mark.parametrize("language", SENTENCES)
def test_scripts_with_spaces_are_never_taken_for_others(language):
    assert unspaced(SENTENCES[language][0] * 5) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("语" * 5, None),
        ("语" * 6, "Chinese"),
        ("ก" * 12, None),
        ("ก" * 13, "Thai"),
        ("ວ" * 12, None),
        ("ວ" * 13, "Lao"),
        ("语" * 6 + " english", None),  # 6 of 13 letters
        ("语" * 6 + " latins", None),  # half of 12
        ("语" * 6 + " latin", "Chinese"),
        ("语" * 6 + "か" * 6, "Japanese"),
        ("语" * 7 + "か" * 6, "Chinese"),
        ("语言 " * 9, None),
    ],
)
def test_most_of_a_text_is_in_runs_that_are_longer_than_words(text, name):
    found = unspaced(text)
    assert (found and found.name) == name
