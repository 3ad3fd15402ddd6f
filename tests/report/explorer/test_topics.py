"""What the page holds is what the model says, to the digits shown."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dirvae import TopicModel, evaluation
from dirvae.report.explorer import Topics, explorer_page
from dirvae.report.explorer.documents import per_topic, text_length
from dirvae.report.explorer.layout import hues, overlaps, positions, radii
from dirvae.report.explorer.page import html_page
from dirvae.report.explorer.topics import Pairs, _together
from dirvae.report.explorer.words import SHOWN, STEPS, listed_words
from tests.report.explorer.example import COUNT, data_of, documents, model, page

BETA = np.random.default_rng(0).dirichlet(np.full(60, 0.2), 5)


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


def test_a_list_has_the_words_of_every_place_of_the_slider() -> None:
    frequency = BETA.mean(0) ** 1.5
    lists = listed_words(BETA, frequency)
    for k, row in enumerate(BETA):
        assert (np.diff(row[lists[k]]) <= 0).all()
        for step in range(STEPS + 1):
            weight = step / STEPS
            score = weight * np.log(row) + (1 - weight) * np.log(row / frequency)
            assert set(np.argsort(-score)[:SHOWN]) <= set(lists[k])
        assert len(lists[k]) < 60


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


# --- the map ----------------------------------------------------------------------------------


def test_circles_do_not_overlap_and_stay_on_the_map() -> None:
    beta = np.random.default_rng(1).dirichlet(np.full(30, 0.1), 40)
    size = radii(np.random.default_rng(2).dirichlet(np.ones(40)))
    places = positions(1 - overlaps(beta), size)
    apart = np.linalg.norm(places[:, None] - places, axis=2) + 9 * np.eye(40)
    assert (apart > 0.93 * (size[:, None] + size)).all()
    assert (places >= size[:, None] - 1e-9).all()
    assert (places <= 1 - size[:, None] + 1e-9).all()


def test_the_map_keeps_distances_that_fit_a_plane() -> None:
    points = np.random.default_rng(0).random((12, 2))
    wanted = np.linalg.norm(points[:, None] - points, axis=2)
    places = positions(wanted, np.full(12, 1e-4))
    found = np.linalg.norm(places[:, None] - places, axis=2)
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.9999
    np.testing.assert_allclose((places.min(0) + places.max(0)) / 2, 0.5, atol=1e-3)


def test_alike_topics_have_one_hue() -> None:
    beta = np.kron(np.eye(10), np.full(4, 0.25))[np.repeat(np.arange(10), 2)]
    beta = beta + np.random.default_rng(0).random(beta.shape) * 0.01
    found = hues(overlaps(beta / beta.sum(1, keepdims=True)))
    assert found.max() == 7
    assert (found[::2] == found[1::2]).all()
    assert hues(np.eye(8)).tolist() == list(range(8))


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
