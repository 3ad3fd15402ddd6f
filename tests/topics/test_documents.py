"""Documents in the forms that people have: each is counted as meant, or refused in one sentence."""

from __future__ import annotations

import copy
import json
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import typer.main
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.pipeline import make_pipeline

from dirvae import TopicModel
from dirvae.cli import app
from dirvae.data.words import as_given
from dirvae.persistence.folder import ModelFormatError
from dirvae.persistence.vectorizers import describe_vectorizer, vectorizer_from
from dirvae.topics import compare_sizes, fit_seeds
from dirvae.topics.document_kinds import Kind, documents_of

SMALL = {"hidden_sizes": (4,), "max_epochs": 1, "batch_size": 50, "random_state": 0}
SECRET = "confidential"  # a word of the documents, which no refusal may quote
TEXTS = [f"the cat, a {SECRET} dog", "dog and cat", "moon and stars", "the moon, a star"] * 3
LISTS = [["New York", "Cat", "cat"], ["cat", "the"], [], ["moon", "the", "moon"]] * 3
LABELS = [0, 0, 1, 1] * 3


@pytest.fixture(scope="module")
def of_texts():
    return TopicModel(2, **SMALL).fit(TEXTS, LABELS)


@pytest.fixture(scope="module")
def of_lists():
    return TopicModel(2, **SMALL).fit(LISTS, LABELS)


@pytest.fixture(scope="module")
def of_counts():
    return TopicModel(2, **SMALL).fit(np.eye(12), LABELS)


ENTRIES = {
    "fit": lambda model, X: TopicModel(2, **SMALL).fit(X),
    "partial_fit first": lambda model, X: TopicModel(2, **SMALL).partial_fit(X),
    "partial_fit": lambda model, X: copy.deepcopy(model).partial_fit(X),
    "fit_transform": lambda model, X: TopicModel(2, **SMALL).fit_transform(X),
    "transform": lambda model, X: model.transform(X),
    "posterior": lambda model, X: model.posterior(X),
    "perplexity": lambda model, X: model.perplexity(X),
    "counts": lambda model, X: model.counts(X),
    "effects": lambda model, X: model.effects(X, np.arange(12.0)[:, None]),
    "shares": lambda model, X: model.shares(X, LABELS),
    "predict": lambda model, X: model.predict(X),
    "predict_proba": lambda model, X: model.predict_proba(X),
    "fit_seeds": lambda model, X: fit_seeds(TopicModel(2, **SMALL), X, (0, 1)),
    "compare_sizes": lambda model, X: compare_sizes(TopicModel(2, **SMALL), X, (2,), num_splits=2),
}
REFUSED = {
    "one string": (
        TEXTS[0],
        r"X is one string, must be a list of documents, even of one: \[text\]",
    ),
    "an array of one": (np.array(TEXTS[0]), "X is one string, must be a list of documents"),
    "bytes": (TEXTS[0].encode(), "X is of type bytes, must be a list of documents"),
    "None": (None, "X is of type NoneType, must be a list of documents"),
    "a set": (set(TEXTS), "X is of type set, must be a list of documents"),
    "a dict": (dict(enumerate(TEXTS)), r"of type dict, must be .*: give list\(X.values\(\)\)"),
    "an empty list": ([], "X is empty, must have at least one document"),
    "an empty array": (np.array([]).astype(str), "X is empty"),
    "a spent generator": (iter(()), "X is empty, must have at least one document"),
    "rows of bytes": ([t.encode() for t in TEXTS], "a bytes in row 0, .*: decode them, with text"),
    "an array of bytes": (np.array(TEXTS).astype("S"), "X has a bytes_ in row 0, .*: decode them"),
    "columns of bytes": (np.array(TEXTS).astype("S")[:, None], "a bytes_ in row 0, .*: decode"),
    "NA of pandas": (
        pd.Series([*TEXTS, None], dtype="string"),
        'X has a NAType in row 12, .*: replace missing texts by ""',
    ),
    "missing only": ([None] * 12, 'X has a NoneType in row 0, .*: replace missing texts by ""'),
    "some missing": ([*TEXTS[:11], None], "X has a NoneType in row 11, must be strings only"),
    "missing in a series": (pd.Series([*TEXTS[:11], None]), "X has a .* in row 11, must be str"),
    "rows of dicts": ([{SECRET: 2}] * 12, "X has a dict in row 0, must be a text, a list of words"),
    "lists and texts": ([*LISTS[:11], TEXTS[0]], "X has a list in row 0, must be strings only"),
    "lists and numbers": ([*LISTS[:11], 3], "X has a int in row 11, must be lists of words only"),
    "numbers in lists": ([*LISTS[:11], [SECRET, 3]], "X has a int in row 11, must be lists of str"),
    "generators of words": ([iter(words) for words in LISTS], "X has a list_iterator in row 0"),
    "two columns": (np.array([TEXTS, TEXTS]).T, r"X has words in 2 columns, .*: X.tolist\(\)"),
    "a frame": (
        pd.DataFrame({"id": range(12), "body": TEXTS}),
        r"X has words in column 'body' of 2, must be one: X\['body'\]",
    ),
    "a polars frame": (
        pl.DataFrame({"id": range(12), "body": TEXTS}),
        "words in column 'body' of 2",
    ),
    "an arrow table": (pa.table({"id": range(12), "body": TEXTS}), "X has words in 2 columns"),
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("form", REFUSED)
def test_what_is_no_list_of_documents_is_refused_without_quoting_it(entry, form, of_texts):
    X, sentence = REFUSED[form]
    with pytest.raises(ValueError, match=sentence) as refused:
        ENTRIES[entry](of_texts, X)
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)


TEXTS_AS = {
    "a tuple": tuple,
    "an array": np.array,
    "an array of objects": lambda texts: np.array(texts, dtype=object),
    "a column": lambda texts: np.array(texts)[:, None],
    "a column of objects": lambda texts: np.array(texts, dtype=object)[:, None],
    "a generator": iter,
    "a view": lambda texts: dict(enumerate(texts)).values(),
    "a series": lambda texts: pd.Series(texts, index=range(100, 112)),
    "categories": lambda texts: pd.Series(texts, dtype="category"),
    "a frame": lambda texts: pd.DataFrame({"text": texts}, index=range(100, 112)),
    "a polars series": pl.Series,
    "a polars frame": lambda texts: pl.DataFrame({"text": texts}),
    "an arrow array": pa.array,
    "an arrow column": lambda texts: pa.table({"text": texts})["text"],
    "an arrow table": lambda texts: pa.table({"text": texts}),
}
LISTS_AS = {
    "tuples": lambda lists: tuple(map(tuple, lists)),
    "arrays": lambda lists: [np.array(words, dtype=object) for words in lists],
    "a generator": iter,
    "a series": pd.Series,
    "a frame": lambda lists: pd.DataFrame({"words": lists}),
    "a polars series": pl.Series,
    "a polars frame": lambda lists: pl.DataFrame({"words": lists}),
    "an arrow column": lambda lists: pa.table({"words": lists})["words"],
}


def same(one, other):
    assert one.shape == other.shape
    return (one != other).nnz == 0


@pytest.mark.parametrize("form", TEXTS_AS)
def test_texts_in_every_form_have_the_counts_of_the_list(form, of_texts):
    form = TEXTS_AS[form]
    assert documents_of(form(TEXTS)) == (TEXTS, Kind.TEXTS)
    assert same(of_texts.counts(form(TEXTS)), of_texts.counts(TEXTS))


@pytest.mark.parametrize("form", ["a generator", "a frame", "a polars frame"])
def test_a_fit_to_another_form_is_that_to_the_list(form, of_texts):
    again = TopicModel(2, **SMALL).fit(TEXTS_AS[form](TEXTS), LABELS)
    assert again.vocabulary_.tolist() == of_texts.vocabulary_.tolist()
    np.testing.assert_array_equal(again.transform(TEXTS), of_texts.transform(TEXTS))


@pytest.mark.parametrize("form", LISTS_AS)
def test_lists_of_words_in_every_form_are_counted_as_they_are(form, of_lists):
    form = LISTS_AS[form]
    assert of_lists.vocabulary_.tolist() == ["Cat", "New York", "cat", "moon", "the"]
    expected = [[1, 1, 1, 0, 0], [0, 0, 1, 0, 1], [0] * 5, [0, 0, 0, 2, 1]] * 3
    assert of_lists.counts(form(LISTS)).toarray().tolist() == expected


def test_words_once_each():
    model = TopicModel(2, **SMALL).fit([set(words) for words in LISTS])
    assert model.counts([{"moon", "Cat"}]).toarray().tolist() == [[1, 0, 0, 1, 0]]


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_takes_what_is_read_only_once(entry, of_lists):
    ENTRIES[entry](of_lists, iter(LISTS))


def test_a_model_takes_documents_of_the_kind_it_was_fitted_on(of_texts, of_lists, of_counts):
    for model, X, sentence in (
        (of_texts, LISTS, "X has lists of words, must be texts: the vectorizer splits them"),
        (of_lists, TEXTS, "X has texts, must be lists of words, as in fit"),
        (of_counts, TEXTS, "X has texts, but the model was fitted on counts: give counts"),
        (of_counts, LISTS, "X has lists of words, but the model was fitted on counts"),
    ):
        for entry in ("transform", "predict", "counts", "perplexity"):
            with pytest.raises(ValueError, match=sentence):
                ENTRIES[entry](model, X)


def test_lists_that_are_no_lists_of_words():
    with pytest.raises(ValueError, match=r"lists of one text each, .*: \[row\[0\] for row in X\]"):
        TopicModel(2, **SMALL).fit([[text] for text in TEXTS])
    with pytest.raises(ValueError, match="X has empty lists only; at least two must have words"):
        TopicModel(2, **SMALL).fit([[], []])
    with pytest.raises(ValueError, match="X has lists of words, must be texts"):
        TopicModel(2, vectorizer=CountVectorizer(), **SMALL).fit(LISTS)


def test_a_refused_fit_leaves_the_model_as_it_was(of_texts):
    before = of_texts.transform(TEXTS)
    for X in ([], ["the"], TEXTS[0]):
        with pytest.raises(ValueError, match="X "):
            of_texts.fit(X)
    np.testing.assert_array_equal(of_texts.transform(TEXTS), before)


# --- saved ----------------------------------------------------------------------------------------


def test_models_of_texts_and_of_lists_are_saved(of_texts, of_lists, tmp_path):
    for model, X, other in ((of_texts, TEXTS, LISTS), (of_lists, LISTS, TEXTS)):
        model.save(tmp_path / "model")
        again = TopicModel.load(tmp_path / "model")
        np.testing.assert_array_equal(again.transform(X), model.transform(X))
        with pytest.raises(ValueError, match=r"X has .*, must be "):
            again.transform(other)


EARLIER = {  # as saved before words had their marks
    "stop_words": "english",
    "strip_accents": None,
    "lowercase": True,
    "token_pattern": "(?u)\\b[^\\W\\d_][^\\W\\d_]+\\b",
    "analyzer": "word",
    "binary": False,
    "input": "content",
    "encoding": "utf-8",
    "decode_error": "strict",
    "min_df": 1,
    "max_df": 1.0,
    "max_features": 10000,
    "ngram_range": [1, 1],
    "words": ["gro", "größe", "ße"],
}


def test_a_vectorizer_saved_earlier_counts_as_it_did():
    loaded = vectorizer_from(json.loads(json.dumps(EARLIER)))
    assert loaded.transform(["Gro\u0308ße", "Größe the"]).toarray().tolist() == [
        [1, 0, 1],
        [0, 1, 0],
    ]
    assert vectorizer_from(describe_vectorizer(loaded)).token_pattern == EARLIER["token_pattern"]


def test_a_saved_vectorizer_names_none_but_our_tokenizers():
    for tokenizer in ("eval", "os.system", 3, ["words_of"]):
        with pytest.raises(ModelFormatError, match="the vectorizer of the model is malformed"):
            vectorizer_from({**EARLIER, "tokenizer": tokenizer})

    def words_of(text):
        return text.split()

    for own in (str.split, words_of, lambda text: [text]):
        vectorizer = CountVectorizer(tokenizer=own, token_pattern=None).fit(TEXTS)
        with pytest.raises(ValueError, match="vectorizer has a tokenizer of your own"):
            describe_vectorizer(vectorizer)


# --- vectorizers of the user's --------------------------------------------------------------------


def test_words_of_a_hashing_vectorizer_are_not_known():
    hashing = HashingVectorizer(n_features=16, alternate_sign=False, norm=None)
    model = TopicModel(2, vectorizer=hashing, **SMALL).fit(TEXTS)
    expected = TopicModel(2, **SMALL).fit(hashing.transform(TEXTS))
    np.testing.assert_array_equal(
        model.transform(TEXTS), expected.transform(hashing.transform(TEXTS))
    )
    assert not hasattr(model, "vocabulary_")
    assert model.top_words(3) == expected.top_words(3)
    with pytest.raises(ValueError, match=r"vectorizer gives negative .* alternate_sign=False"):
        TopicModel(2, vectorizer=HashingVectorizer(n_features=16), **SMALL).fit(TEXTS)
    with pytest.raises(ValueError, match="guide names words"):
        TopicModel(2, vectorizer=hashing, guide={"a": ["cat"]}, **SMALL).fit(TEXTS)


def test_a_column_of_texts_beside_others_has_names_and_frames():
    frame = pd.DataFrame({"body": TEXTS, "size": range(12)}, index=range(50, 62))
    theta = TopicModel(2, **SMALL).fit(TEXTS).transform(TEXTS)
    for column in ("body", ["body"]):
        steps = [("t", TopicModel(2, **SMALL), column)]
        both = ColumnTransformer(steps, remainder="passthrough").set_output(transform="pandas")
        found = both.fit_transform(frame)
        assert list(found) == ["t__topicmodel0", "t__topicmodel1", "remainder__size"]
        np.testing.assert_array_equal(found, np.column_stack([theta, range(12)]))
        assert found.index.tolist() == frame.index.tolist()
    of_counts = TopicModel(2, **SMALL).fit(np.eye(4))
    with pytest.raises(ValueError, match="input_features should have length"):
        of_counts.get_feature_names_out(["body"])


def test_any_vectorizer_of_scikit_learn(of_lists, tmp_path):
    pipeline = make_pipeline(HashingVectorizer(n_features=8, alternate_sign=False, norm=None))
    for vectorizer in (pipeline, pipeline[0]):
        model = TopicModel(2, vectorizer=vectorizer, **SMALL).fit(TEXTS)
        assert model.topic_word_.shape == (2, 8)
        with pytest.raises(ValueError, match=r"(?s)^vectorizer.* cannot be saved"):
            model.save(tmp_path / "model")
    for vectorizer in (
        CountVectorizer(tokenizer=as_given, lowercase=False, token_pattern=None),
        CountVectorizer(analyzer=as_given),
        CountVectorizer(tokenizer=list, preprocessor=list, token_pattern=None),
    ):
        model = TopicModel(2, vectorizer=vectorizer, **SMALL).fit(LISTS)
        assert same(model.counts(LISTS), of_lists.counts(LISTS))


@pytest.mark.parametrize("vectorizer", [CountVectorizer, "english", str.split])
def test_what_is_no_vectorizer(vectorizer):
    with pytest.raises(ValueError, match=r"vectorizer is .*, such as CountVectorizer\(\), or None"):
        TopicModel(2, vectorizer=vectorizer, **SMALL).fit(TEXTS)


def test_what_a_vectorizer_says_of_itself_is_not_laid_on_the_documents():
    twice = CountVectorizer(vocabulary=["cat", "dog", "cat"])
    with pytest.raises(ValueError, match=r"vectorizer cannot count X: Duplicate term .*'cat'"):
        TopicModel(2, vectorizer=twice, **SMALL).fit(TEXTS)


# --- words that are named -------------------------------------------------------------------------


def test_seed_words_that_no_document_has_are_named():
    options = {**SMALL, "max_epochs": 2}
    guide = {"pets": ["cat", "Dog", "dog"], "sky": ["sun", "moon"]}
    with pytest.warns(UserWarning, match="guide has words .* left out: 'Dog', 'sun'$"):
        warned = TopicModel(2, guide=guide, **options).fit(TEXTS)
    plain = TopicModel(2, guide={"pets": ["cat", "dog"], "sky": ["moon"]}, **options).fit(TEXTS)
    np.testing.assert_array_equal(warned.topic_word_, plain.topic_word_)
    with pytest.raises(ValueError, match=r"guide\['sky'\] has no word of .*: \['sun'\]"):
        TopicModel(2, guide={"pets": ["cat"], "sky": ["sun"]}, **options).fit(TEXTS)


def test_a_seed_word_twice_is_one():
    options = {**SMALL, "max_epochs": 2}
    twice = TopicModel(2, guide={"pets": ["cat", "dog", "cat"]}, **options).fit(TEXTS)
    once = TopicModel(2, guide={"pets": ["cat", "dog"]}, **options).fit(TEXTS)
    np.testing.assert_array_equal(twice.topic_word_, once.topic_word_)


@pytest.mark.parametrize("guide", [{"a": 3}, {"a": [3]}, {"a": ["cat", None]}, {"a": "cat"}])
def test_a_guide_has_words(guide):
    with pytest.raises(ValueError, match="must be a mapping from names of topics to lists"):
        TopicModel(2, guide=guide, **SMALL).fit(TEXTS)


def test_a_vocabulary_by_column():
    counts = np.diag([4.0, 3, 2, 1])
    model = TopicModel(2, **SMALL).fit(counts, vocabulary={"a": 3, "b": 1, "d": 0, "c": 2})
    assert model.vocabulary_.tolist() == ["d", "b", "c", "a"]
    fitted = CountVectorizer().fit(TEXTS)
    model = TopicModel(2, **SMALL).fit(fitted.transform(TEXTS), vocabulary=fitted.vocabulary_)
    assert model.vocabulary_.tolist() == fitted.get_feature_names_out().tolist()


@pytest.mark.parametrize(
    ("vocabulary", "sentence"),
    [
        (["a", "b", "c", "b"], "vocabulary has 'b' twice, in columns 1 and 3 counted from 0"),
        ("abcd", "vocabulary is a str, must be a list of 4 words"),
        ({"a", "b", "c", "d"}, "vocabulary is a set, must be a list of 4 words"),
        ({"a": 0, "b": 1, "c": 2, "d": 4}, "vocabulary is a dict whose values are not columns"),
        (
            {"a": 0, "b": 1, "c": 2},
            "vocabulary has 3 entries, must have a string for each",
        ),
        (["a", "b", "c", 4], "vocabulary has 4 entries, must have a string"),
    ],
)
def test_a_vocabulary_of_other_words(vocabulary, sentence):
    with pytest.raises(ValueError, match=sentence):
        TopicModel(2, **SMALL).fit(np.eye(4), vocabulary=vocabulary)


def test_columns_of_one_name():
    frame = pd.DataFrame(np.eye(4), columns=["a", "b", "b", "c"])
    with pytest.raises(ValueError, match=r"'b' (twice, in columns 1 and 2|2 times)"):
        TopicModel(2, **SMALL).fit(frame)


@pytest.mark.parametrize("X", [TEXTS, LISTS])
def test_a_vocabulary_beside_texts_is_not_left_out_unsaid(X):
    with pytest.raises(ValueError, match="must be None unless X has counts"):
        TopicModel(2, **SMALL).fit(X, vocabulary=["cat", "dog"])


# --- scripts without spaces -----------------------------------------------------------------------

CHINESE = ["自然语言处理是人工智能的重要方向。", "机器学习需要大量的训练数据。"] * 6
TELLS = r"12 of 12, .* row 0 \(Chinese\): give a tokenizer, such as .*tokenizer=jieba.lcut"


def test_texts_without_spaces_ask_for_a_tokenizer():
    with pytest.raises(ValueError, match=TELLS):
        TopicModel(2, **SMALL).fit(CHINESE)
    TopicModel(2, **SMALL).fit([list(text) for text in CHINESE])
    TopicModel(2, vectorizer=CountVectorizer(analyzer="char"), **SMALL).fit(CHINESE)
    with pytest.warns(UserWarning, match=r"1 of 13, the first in row 12 \(Chinese\)"):
        TopicModel(2, **SMALL).fit([*TEXTS, CHINESE[0]])


def test_texts_without_spaces_on_the_command_line(capsys, tmp_path):
    pd.DataFrame({"text": CHINESE}).to_csv(tmp_path / "texts.csv", index=False)
    arguments = ["fit", "topics", str(tmp_path / "texts.csv"), "-o", str(tmp_path / "model")]
    with pytest.raises(SystemExit) as stop:
        typer.main.get_command(app).main(arguments, prog_name="dirvae")
    said = " ".join(capsys.readouterr().err.split())
    assert stop.value.code
    assert "give a tokenizer" in said
    assert "or lists of words, or add spaces" in said
    assert not (tmp_path / "model").exists()


def test_warnings_point_to_the_call_of_fit():
    texts = ["one cat and dogs", "two cats here", "a dog there too", "今日は天気がいい"]
    model = TopicModel(2, guide={"pets": ["cat", "zebra"]}, max_epochs=1, random_state=0)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.fit(texts)
    assert len(found) == 2
    assert {warning.filename for warning in found} == {__file__}
