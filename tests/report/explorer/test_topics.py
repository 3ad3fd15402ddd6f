"""What the page holds is what the model says, to the digits shown."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, replace
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dirvae import TopicModel, evaluation
from dirvae.evaluation import Interval
from dirvae.report.explorer import Differences, Documents, Grouping, Samples, Topics, explorer_page
from dirvae.report.explorer import topics as topics_module
from dirvae.report.explorer.documents import Shown, per_topic, text_length
from dirvae.report.explorer.groups import Groups, Means
from dirvae.report.explorer.layout import overlaps, positions, radii
from dirvae.report.explorer.page import html_page
from dirvae.report.explorer.topics import Pairs, _marks, _together, _topics_of, topics_payload
from dirvae.terms import COUNTS
from tests.report.explorer.example import COUNT, data_of, documents, model, page


@pytest.fixture(scope="module")
def data() -> Any:
    return data_of(page())


@pytest.fixture(scope="module")
def theta() -> Any:
    return model().transform(documents()[0])


def test_topics_have_their_shares_and_their_words(data: Any, theta: Any) -> None:
    for k, topic in enumerate(data["topics"]):
        assert topic["share"] == pytest.approx(theta[:, k].mean(), abs=5.1e-6)
        assert [data["words"][w] for w in topic["top"]] == model().top_words(10)[k]
        columns = [model().vocabulary_.tolist().index(data["words"][w]) for w in topic["list"]]
        np.testing.assert_allclose(topic["p"], model().topic_word_[k, columns], rtol=1e-5)
        used = model().word_frequency_[columns]
        np.testing.assert_allclose([data["frequency"][w] for w in topic["list"]], used, rtol=1e-4)
    assert [topic["name"] for topic in data["topics"]] == ["", "", "Named", ""]
    assert int(np.argmax([topic["share"] for topic in data["topics"]])) == 1


def test_near_topics_share_words(data: Any) -> None:
    beta = model().topic_word_
    for k, topic in enumerate(data["topics"]):
        share = {j: np.minimum(beta[k], beta[j]).sum() for j in range(4) if j != k}
        assert [j for j, _ in topic["near"]] == sorted(share, key=lambda j: -share[j])
        for j, found in topic["near"]:
            assert found == pytest.approx(share[j], abs=1e-4)


def test_uses_of_a_word_are_those_of_its_topics(data: Any, theta: Any) -> None:
    joint = model().topic_word_ * theta.mean(0)[:, None]
    expected = joint / joint.sum(0)
    for word, told in zip(data["words"], data["uses"], strict=True):
        of = expected[:, model().vocabulary_.tolist().index(word)]
        found = dict(zip(told[::2], told[1::2], strict=True))
        assert found == {k: round(100 * p) for k, p in enumerate(of) if p >= 0.05}
    assert any(len(told) > 2 for told in data["uses"])


def test_signs_are_counted(data: Any, theta: Any) -> None:
    counts = (model().counts(documents()[0]) > 0).toarray()
    beta, ids = model().topic_word_, model().top_word_ids(10)
    own = beta * theta.mean(0)[:, None]
    own /= own.sum(0)
    npmi = evaluation.topic_coherence(ids, counts.astype(float))
    for k, topic in enumerate(data["topics"]):
        said = {kind: (fine, text) for kind, fine, text in topic["signs"]}
        carried = int((theta[:, k] >= 0.1).sum())
        falling = np.sort(theta[:, k])[::-1]
        half = 1 + next(i for i in range(COUNT) if falling[: i + 1].sum() >= falling.sum() / 2)
        assert said["carried"] == (
            carried >= 20,
            f"It makes up a tenth or more of {carried} documents",
        )
        assert said["half"] == (half >= 10, f"Half of it lies in {half} documents")
        median = np.median(counts[:, ids[k]].sum(0))
        assert said["frequent"][1] == f"Its words are in {median:,.0f} documents each"
        assert said["exclusive"][1].startswith(f"{own[k, ids[k]].mean():.0%} of the uses")
        assert said["coherent"][1].endswith(f": {npmi[k]:.2f}")
        nearest, share = topic["near"][0]
        assert said["overlap"] == (
            share < 0.5,
            f"{share:.0%} of its words in common with topic {nearest}",
        )
        assert set(said) <= set(data["how"])


def test_topics_that_surely_go_together_are_named_the_surest_first(data: Any) -> None:
    lower = np.array([[9.0, 1.5, 0.9, 2.0], [1.5, 9, 1, 1.2], [0.9, 1, 9, 0.5], [2, 1.2, 0.5, 9]])
    found = _together(Pairs(lower + 1, lower, lower + 2.0006), 4)
    assert found[0] == [[3, 3.0, 2.0, 4.001], [1, 2.5, 1.5, 3.501]]
    assert [[j for j, *_ in row] for row in found] == [[3, 1], [0, 3], [], [0, 1]]
    pairs = model().topic_pairs(documents()[0], level=0.9)
    assert data["together"] == _together(Pairs(*pairs), 4)


def test_documents_have_their_topics_with_intervals(data: Any) -> None:
    texts, labels, years, ids = documents()
    posterior = model().posterior(texts, level=0.9)
    assert len(data["documents"]) == len({d["id"] for d in data["documents"]})
    for document in data["documents"]:
        row = ids.index(document["id"])
        assert document["text"] == texts[row]
        shown = {topic[0]: topic[1:4] for topic in document["topics"]}
        likely = set(np.flatnonzero(posterior.mean[row] >= 0.05))
        assert set(shown) == likely | {posterior.mean[row].argmax()}
        assert list(shown) == sorted(shown, key=lambda k: -posterior.mean[row, k])
        for k, values in shown.items():
            expected = [part[row, k] for part in (posterior.mean, posterior.lower, posterior.upper)]
            np.testing.assert_allclose(values, expected, atol=5.1e-4)
        assert document["off"] == pytest.approx(posterior.off_topic[row], abs=5.1e-4)
        label, year = labels[row], years[row]
        assert document["label"] == (-1 if label is None else data["labels"].index(label))
        assert document["time"] == (-1 if year is None else data["times"].index(str(year)))


def test_examples_are_those_with_most_of_the_topic(data: Any, theta: Any) -> None:
    ids = documents()[3]
    for k, shown in enumerate(data["exemplars"]):
        order = np.argsort(-theta[:, k], kind="stable")[:20]
        assert [data["documents"][d]["id"] for d in shown] == [ids[row] for row in order]
        np.testing.assert_allclose(data["most"][k], theta[order, k], atol=5.1e-4)


def test_shares_of_groups_have_standard_errors(data: Any, theta: Any) -> None:
    _, labels, years, _ = documents()
    frame = pd.DataFrame(theta).assign(label=labels, year=years)
    for name, key, names in (
        ("by_label", ["label"], [(label,) for label in data["labels"]]),
        ("by_time", ["year"], [(int(year),) for year in data["times"]]),
        (
            "by_both",
            ["label", "year"],
            [(a, int(b)) for a in data["labels"] for b in data["times"]],
        ),
    ):
        by = frame.dropna(subset=key).groupby(key)[list(range(4))]
        means, found = by.mean(), data[name]
        assert sorted(names[g] for g in found["groups"]) == sorted(
            g if isinstance(g, tuple) else (g,) for g in means.index
        )
        for group, n, share, error in zip(
            found["groups"], found["n"], found["share"], found["error"], strict=True
        ):
            at = names[group] if len(key) > 1 else names[group][0]
            assert n == by.size()[at]
            atol = 0.51 / found["scale"]
            np.testing.assert_allclose(np.divide(share, found["scale"]), means.loc[at], atol=atol)
            expected = by.sem().loc[at].fillna(-1 / found["scale"])
            np.testing.assert_allclose(np.divide(error, found["scale"]), expected, atol=atol)


def test_words_are_marked_where_they_stand(data: Any) -> None:
    """Each marked word is in a document's text, and the model gives it to that topic."""
    posterior = model().posterior(documents()[0])
    beta, words = model().topic_word_, model().vocabulary_.tolist()
    marked = 0
    for document in data["documents"]:
        row, end = documents()[3].index(document["id"]), 0
        for gap, code in zip(document["marks"][::2], document["marks"][1::2], strict=True):
            start = end + gap
            end = start + code // 8
            k = document["topics"][code % 8][0]
            column = words.index(document["text"][start:end])
            joint = posterior.mean[row] * beta[:, column]
            assert joint.argmax() == k
            assert beta[k, column] >= 2 * model().word_frequency_[column]
            marked += 1
    assert marked > 3 * len(data["documents"])


def test_without_documents_there_are_topics_and_words() -> None:
    found = data_of(model().report())
    assert found["documents"] == []
    shares = [topic["share"] for topic in found["topics"]]
    np.testing.assert_allclose(shares, model().topic_prevalence_, atol=5.1e-6)
    assert found["sentence"].startswith("4 topics. The largest is")


def test_the_page_reads_without_its_script() -> None:
    plain = page().partition('<section id="plain"')[2].partition("</section>")[0]
    shown = re.findall(r'data-name="(\d)" dir="auto">(.*?)</span> <small>topic \1, (.*?)%<', plain)
    shares = [float(share) for _, _, share in shown]
    assert sorted(shares, reverse=True) == shares
    assert [int(k) for k, _, _ in shown][:1] == [1]
    assert {k: name for k, name, _ in shown}["2"] == "Named"
    assert ", ".join(model().top_words(10)[0]) in unescape(plain)
    assert "hidden" in re.findall(r'<main id="app"(.*?)>', page())[0]


# --- what comes from strangers ----------------------------------------------------------------

STRANGE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"quotes' & <!-- more",
    "line\u2028and\u2029more",
    "null\x00bell\x07",
    "right\u202eleft\u200f",
    "\ud800alone",
    "🚀 rocket",
    "w" * 1_000_000,
]


@pytest.fixture(scope="module")
def strange() -> str:
    texts = [f"{word} moon stars {'cat dog' * (row % 2)}" for row, word in enumerate(STRANGE * 3)]
    counts = np.random.default_rng(0).poisson(2, (len(texts), 9))
    fitted = TopicModel(3, max_epochs=1, hidden_sizes=(4,), random_state=0)
    fitted.fit(counts, vocabulary=STRANGE)
    names = STRANGE[:3]
    ids = {"<b>id": STRANGE * 3}
    return fitted.report(counts, labels=STRANGE * 3, ids=ids, names=names, title=STRANGE[0])


def test_strange_text_ends_no_script_and_is_no_markup(strange: str) -> None:
    head, _, rest = strange.partition('id="data">')
    data, _, script = rest.partition("</script>")
    assert "<" not in data
    assert not set(data) & set("\u2028\u2029\x00\x07\u202e")
    assert "alert(1)" not in script
    assert "<script" not in head.replace('<script type="application/json" ', "")
    assert "<img" not in head
    assert "&lt;/script&gt;" in head
    strange.encode()
    assert len(strange) < 300_000


def test_strange_text_is_kept_as_text(strange: str) -> None:
    found = data_of(strange)
    for text in ("</script><script>alert(1)</script>", "null\\x00bell\\x07", "🚀 rocket"):
        assert text in found["words"]
        assert text in found["labels"]
        assert text in [document["id"] for document in found["documents"]]
    assert max(map(len, found["words"])) == 60
    assert found["topics"][0]["name"] == STRANGE[0]


def test_nothing_but_the_script_may_run_or_load() -> None:
    policy = re.findall(r'Content-Security-Policy" content="(.*?)"', page())[0]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")
    assert html_page("a", {}, "", "explorer.js").count("<script") == 2
    found = re.findall(r'(?:src|href)="(.*?)"', page().partition("<script")[0])
    assert found == ["data:,", "#detail"]


def test_size_is_bounded_whatever_the_vocabulary() -> None:
    rng = np.random.default_rng(0)
    beta = rng.dirichlet(np.full(3000, 0.05), 20)
    top = np.argsort(-beta)[:, :10]
    words = [f"{'word' * 30}{column}" for column in range(3000)]
    topics = Topics(beta, np.full(20, 0.05), beta.mean(0), top, words, [""] * 20)
    assert len(explorer_page(topics).encode()) < 700_000


def test_size_is_bounded_whatever_the_documents() -> None:
    """Texts of a megabyte in all are cut so that a page holds no more than it can."""
    assert per_topic(5) * 5 * text_length(per_topic(5) * 5) <= 600_000
    assert per_topic(50) * 50 * text_length(per_topic(50) * 50) <= 600_000
    assert text_length(20_000) * 20_000 <= 600_000


# --- small examples, by hand ------------------------------------------------------------------

BETA = np.array(
    [[0.5, 0.3, 0.2, 0.0, 0.0], [0.1, 0.1, 0.1, 0.3, 0.4], [0.1234567, 0.0, 0.0, 0.0, 0.8765433]]
)
SHARES = np.array([0.2, 0.5, 0.3])
FREQUENCY = np.array([0.123456, 0.2, 0.1, 0.276544, 0.3])
SMALL = Topics(
    topic_word=BETA,
    shares=SHARES,
    frequency=FREQUENCY,
    top_words=np.array([[0, 1, 2, 3], [4, 3, 0, 1], [4, 0, 1, 2]]),
    words=["a", "b", "c", "d", "e" * 61],
    names=["", "Na\nme", ""],
)
THETA = np.array([[0.7, 0.25, 0.05], [0.1, 0.86, 0.04], [0.0, 0.1, 0.9], [0.2, 0.2001, 0.5999]])
MEANS = Means(
    [0, 2],
    np.array([3, 1]),
    np.array([[0.123456, 0.5, 0.376544], [0, 1, 0]]),
    np.array([[0.012345678, 0.1, 0], [np.nan] * 3]),
)


def shown_of(rows: Any, **more: Any) -> Shown:
    count = len(rows)
    known = {
        "rows": np.array(rows),
        "texts": ["text"] * count,
        "mean": THETA[rows],
        "lower": None,
        "upper": None,
        "off_topic": None,
        "speaking": [{}] * count,
        "marks": [[]] * count,
        "lengths": np.full(count, 3.0),
    }
    return Shown(**(known | more))


def documents_of(**more: Any) -> Documents:
    groups = Groups(
        labels=["x", "y" * 61],
        label=np.array([0, 1, -1, 0]),
        num_labels=7,
        times=["2001", "t" * 61],
        at=np.array([2001, 2002.12345678]),
        time=np.array([1, -1, 0, 0]),
        by_label=MEANS,
        by_time=None,
        by_both=MEANS,
    )
    known: dict[str, Any] = {
        "theta": THETA,
        "counts": np.ones((4, 5)),
        "ids": ["d0", "d1", "d" * 61, "d3"],
        "known_by": "k" * 61,
        "groups": groups,
        "shown": shown_of([0, 1, 2, 3]),
    }
    return Documents(**(known | more))


def payload_of(topics: Topics = SMALL, **more: Any) -> Any:
    return topics_payload(topics, documents_of(**more) if more else None, title="T\n")


def test_a_page_holds_topics_and_words() -> None:
    found = payload_of()
    joint = BETA * SHARES[:, None]
    share = joint / joint.sum(0)
    assert found["title"] == "T\\n"
    assert found["sentence"] == (
        f"3 topics. The largest is “Na\\nme” with 50.0%, then “{'e' * 59}…, a, b” with 30.0%."
    )
    assert (found["terms"]["row"], found["steps"], found["shown"]) == ("document", 20, 15)
    assert found["words"] == ["a", "b", "c", "d", "e" * 59 + "…"]
    assert found["frequency"] == [0.12346, 0.2, 0.1, 0.27654, 0.3]
    for w, told in enumerate(found["uses"]):
        order = sorted(range(3), key=lambda k: -share[k, w])
        kept = [k for k in order if share[k, w] >= 0.05]
        assert told == [x for k in kept for x in (k, round(100 * share[k, w]))]
    common = overlaps(BETA)
    size = radii(SHARES)
    where = positions(1 - common, size)
    for k, topic in enumerate(found["topics"]):
        assert (topic["share"], topic["hue"]) == (SHARES[k], k)
        assert (topic["x"], topic["y"]) == (round(where[k, 0], 3), round(where[k, 1], 3))
        assert topic["r"] == round(size[k], 4)
        assert topic["top"] == SMALL.top_words[k].tolist()
        assert topic["list"] == np.argsort(-BETA[k], kind="stable").tolist()
        others = sorted({0, 1, 2} - {k}, key=lambda j: -common[k, j])
        assert topic["near"] == [[j, round(common[k, j], 4)] for j in others]
    assert [topic["name"] for topic in found["topics"]] == ["", "Na\\nme", ""]
    assert found["topics"][2]["p"] == [0.876543, 0.123457, 0, 0, 0]
    assert {kind for kind, *_ in found["topics"][0]["signs"]} == set(found["how"])
    assert (found["apart"], found["samples"], found["quality"], found["documents"]) == (
        *([], None, [], []),
    )


def test_pages_are_told_apart_by_their_words_and_names() -> None:
    key = payload_of()["key"]
    assert re.fullmatch("[0-9a-f]{12}", key)
    assert payload_of()["key"] == key
    for other in (
        replace(SMALL, names=["", "other", ""]),
        replace(SMALL, words=["a", "b", "c", "\ud800", "e"]),
        replace(SMALL, top_words=SMALL.top_words[:, ::-1]),
    ):
        assert payload_of(other)["key"] != key


def test_a_word_is_of_up_to_four_topics_of_a_twentieth_and_more() -> None:
    beta = np.array([[0.2, 0.8], [0.5, 0.5], [0.4, 0.6], [0.25, 0.75], [0.8, 0.2], [0.1, 0.9]])
    topics = Topics(
        beta, np.full(6, 1 / 6), beta.mean(0), np.zeros((6, 1), int), ["a", "b"], [""] * 6
    )
    found = topics_payload(topics, None, title="")["uses"]
    assert found[0] == [4, 36, 1, 22, 2, 18, 3, 11]  # topic 0 has 9 %
    two = Topics(
        np.array([[0.05, 0.95], [0.95, 0.05]]),
        *(np.full(2, 0.5), np.full(2, 0.5), np.zeros((2, 1), int), ["a", "b"], ["", ""]),
    )
    assert topics_payload(two, None, title="")["uses"] == [[1, 95, 0, 5], [0, 95, 1, 5]]


def test_words_that_can_be_searched_are_those_shown_and_the_commonest(monkeypatch: Any) -> None:
    size = 60
    beta = np.full((1, size), 1e-6)
    beta[0, :20] = np.arange(40, 20, -1)
    beta /= beta.sum()
    frequency = np.arange(1.0, size + 1) / np.arange(1.0, size + 1).sum()
    words = [f"w{column}" for column in range(size)]
    for most in (3, 20, 25, 100):
        monkeypatch.setattr(topics_module, "MOST_WORDS", most)
        topics = Topics(beta, np.ones(1), frequency, np.array([[2, 19]]), words, [""])
        found = topics_payload(topics, None, title="")
        listed = {found["words"][w] for w in found["topics"][0]["list"]} | {"w2", "w19"}
        shown = found["words"][: len(listed)]
        assert shown == sorted(listed, key=lambda word: int(word[1:]))
        rest = [w for w in words[::-1] if w not in listed]
        assert found["words"][len(listed) :] == rest[: max(most - len(listed), 0)]
        assert len(found["words"]) == max(min(most, size), len(listed))


def test_of_a_large_vocabulary_3000_words_can_be_searched() -> None:
    beta = np.r_[np.full(10, 0.1), np.zeros(3100)][None]
    topics = Topics(beta, np.ones(1), beta[0], np.zeros((1, 1), int), range(3110), [""])
    assert len(topics_payload(topics, None, title="")["words"]) == 3000


def test_five_topics_are_near_a_topic() -> None:
    beta = np.random.default_rng(0).dirichlet(np.ones(9), 8)
    topics = Topics(
        beta, np.full(8, 1 / 8), beta.mean(0), np.zeros((8, 1), int), list("abcdefghi"), [""] * 8
    )
    common = overlaps(beta) - 2 * np.eye(8)
    for k, topic in enumerate(topics_payload(topics, None, title="")["topics"]):
        assert [j for j, _ in topic["near"]] == np.argsort(-common[k])[:5].tolist()


def test_one_topic_is_the_largest() -> None:
    one = Topics(np.eye(1), np.ones(1), np.ones(1), np.zeros((1, 1), int), ["a"], [""])
    found = topics_payload(one, None, title="")
    assert found["sentence"] == "1 topic. The largest is “a” with 100.0%."
    assert found["topics"][0]["near"] == []


def test_a_page_holds_documents_and_what_is_known_of_them() -> None:
    found = payload_of(labelled_by="l" * 61)
    assert found["sentence"].startswith("4 documents, 3 topics. The largest is")
    means = {
        "groups": [0, 2],
        "n": [3, 1],
        "scale": 10**5,
        "share": [[12346, 50000, 37654], [0, 10**5, 0]],
        "error": [[1235, 10000, 0], [-1, -1, -1]],
    }
    fewer = {"scale": 10**4, "share": [[1235, 5000, 3765], [0, 10**4, 0]]}
    fewer["error"] = [[123, 1000, 0], [-1, -1, -1]]
    expected = {
        "total": 4,
        "per_topic": 4,
        "length": 1500,
        "known_by": "k" * 59 + "…",
        "sure": 0.9,
        "z": 1.644854,  # of a normal law, within which 90 % are
        "level": None,
        "labelled_by": "l" * 59 + "…",
        "labels": ["x", "y" * 59 + "…"],
        "num_labels": 7,
        "times": ["2001", "t" * 59 + "…"],
        "at": [2001, 2002.12345678],
        "by_label": means,
        "by_time": None,
        "by_both": means | fewer,
        "effects": None,
        "samples": None,
        "quality": [],
        "together": [[], [], []],
        "exemplars": [[0, 3, 1, 2], [1, 0, 3, 2], [2, 3, 0, 1]],
        "most": [[0.7, 0.2, 0.1, 0], [0.86, 0.25, 0.2, 0.1], [0.9, 0.6, 0.05, 0.04]],
    }
    assert {name: found[name] for name in expected} == expected
    assert [document["id"] for document in found["documents"]] == ["d0", "d1", "d" * 59 + "…", "d3"]
    assert [document["label"] for document in found["documents"]] == [0, 1, -1, 0]
    assert [document["time"] for document in found["documents"]] == [1, -1, 0, 0]
    assert found["documents"][0] == {
        "id": "d0",
        "label": 0,
        "time": 1,
        "words": 3,
        "text": "text",
        "cut": False,
        "marks": [],
        "topics": [[0, 0.7, None, None, []], [1, 0.25, None, None, []], [2, 0.05, None, None, []]],
        "off": None,
    }


def test_a_document_has_intervals_words_and_marks() -> None:
    speaking = [{0: [(4, 2.5), (1, 0.1)], 2: [(3, 1.0)]}, *[{}] * 3]
    marks = [[(0, 3, 0), (5, 2, 1), (8, 4, 2), (20, 1, 0)], *[[]] * 3]
    mean = np.vstack([[0.6, 0.0499, 0.35], THETA[1:]])
    shown = shown_of(
        [0, 1, 2, 3],
        mean=mean,
        lower=mean - 0.01239,
        upper=mean + 0.02,
        off_topic=np.array([0.12345, np.nan, np.inf, 0]),
        speaking=speaking,
        marks=marks,
        texts=["x " * 800, "b", "c", "d"],
        lengths=np.array([7.0, 8, 9, 10]),
    )
    found = payload_of(shown=shown, level=0.8)
    assert found["level"] == 0.8
    first = found["documents"][0]
    assert first["topics"] == [
        [0, 0.6, 0.588, 0.62, [4, 2.5, 1, 0.1]],
        [2, 0.35, 0.338, 0.37, [3, 1]],
    ]
    # Since the end of the last, and eight times the letters plus the place of the topic.
    assert first["marks"] == [0, 8 * 3, 8 - 3, 8 * 4 + 1, 20 - 12, 8 * 1]
    assert (first["cut"], first["words"]) == (True, 7)
    assert [document["off"] for document in found["documents"]] == [0.123, None, None, 0]
    half = shown_of([0, 1, 2, 3], lower=mean)
    assert payload_of(shown=half)["documents"][0]["topics"][0][1:4] == [0.7, None, None]


def test_words_that_speak_can_be_searched_however_rare_they_are(monkeypatch: Any) -> None:
    monkeypatch.setattr(topics_module, "MOST_WORDS", 0)
    beta = np.r_[np.full(16, 1 / 16), np.zeros(9)][None]
    topics = Topics(beta, np.ones(1), np.full(25, 1 / 25), np.array([[0]]), list(range(25)), [""])
    one = np.ones((2, 1))
    shown = shown_of([0, 1], mean=one, speaking=[{0: [(23, 1.0)]}, {}])
    documents = documents_of(theta=one, counts=np.ones((2, 25)), shown=shown)
    found = topics_payload(topics, documents, title="")
    assert "23" in found["words"]
    assert "24" not in found["words"]
    [[*_, told]] = found["documents"][0]["topics"]
    assert told == [found["words"].index("23"), 1]


def test_a_document_has_topics_of_a_twentieth_and_more_and_its_largest() -> None:
    assert _topics_of(np.array([0.05, 0.6, 0.0499, 0.3001])) == [1, 3, 0]
    assert _topics_of(np.full(25, 0.04)) == [0]
    assert _topics_of(np.full(10, 0.1)) == list(range(8))
    assert _marks([(3, 2, 5), (5, 1, 4), (9, 2, 7)], [5, 7]) == [3, 16, 4, 17]


def test_five_pairs_that_are_surely_above_one_are_named() -> None:
    lower = np.full((7, 7), 1.5)
    lower[0] = [9, 1, 1.001, 0.999, 1.3, 1.2, 1.1]
    found = _together(Pairs(lower + 1, lower, lower + 2), 7)
    assert [j for j, *_ in found[0]] == [4, 5, 6, 2]
    assert [j for j, *_ in found[1]] == [0, 2, 3, 4, 5]
    assert lower[0, 0] == 9  # what is not ours is not changed
    assert _together(None, 2) == [[], []]


def test_a_page_of_samples_has_features_apart_groups_and_effects() -> None:
    samples = Samples(
        *([Grouping("g", ["p"], np.zeros(4, int))], np.array([2]), np.array([1])),
        *(np.array([[0.1, 0.05, 0.3]]), 2.0),
    )
    effects = Differences(
        *(np.full((1, 3), 0.123456789), np.zeros((1, 3)), np.ones((1, 3))),
        *(["\n" * 100], ["words"]),
    )
    found = payload_of(replace(SMALL, terms=COUNTS), samples=samples, effects=effects)
    assert found["effects"] == {
        "values": [[[0.1234568, 0, 1]] * 3],
        "told": ["\\n" * 90],
        "kinds": ["words"],
    }
    assert found["samples"]["widest"] == [[2, 1, 0.1, 0.05, 0.3]]
    assert sorted(found["samples"]["held"]) == [0, 1, 2, 3]
    assert found["samples"]["groupings"][0]["n"] == [4]
    ratio = np.log2(BETA[0, :3] / FREQUENCY[:3])
    apart = dict(map(tuple, found["apart"][0]))
    assert [apart[w] for w in range(3)] == pytest.approx(ratio.round(5).tolist())
    assert found["sentence"].startswith("4 samples, 3 components. ")
    assert "samples.js" not in found
    page = explorer_page(replace(SMALL, terms=COUNTS))
    assert len(page) > len(explorer_page(SMALL))  # it has a script more


def test_quality_and_pairs_are_told() -> None:
    lower = np.array([[9, 2.0, 0], [2, 9, 0.5], [0, 0.5, 9]])
    found = payload_of(
        measures={"diversity": 0.5},
        baseline={"diversity": 0.25},
        measure_intervals={"diversity": Interval(0.1, 0.4, 0.6)},
        pairs=Pairs(lower, lower, lower),
    )
    [told] = found["quality"]
    assert (told["name"], told["baseline"], told["interval"]) == ("Diversity", "25%", "40% to 60%")
    assert found["together"] == [[[1, 2, 2, 2]], [[0, 2, 2, 2]], []]


def test_what_a_page_shows_stays_as_it_is() -> None:
    for thing, name in ((SMALL, "shares"), (documents_of(), "theta")):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, None)
