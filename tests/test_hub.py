"""Models on the Hub: a folder with a card, up and down through a local stub of the client."""

from __future__ import annotations

import inspect
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import dirvae
from dirvae import CompositionModel, DirichletVAE, SemiSupervisedVAE, TopicModel
from dirvae.hub import from_pretrained, model_card, push_to_hub, save_for_hub

SMALL = {"hidden_sizes": (4,), "max_epochs": 1, "random_state": 0}
COUNTS = np.random.default_rng(0).poisson(1.5, (40, 5)).clip(1)
NAMES = ["<script>", "a|b", "[x](http://y)", "`code`", "plain"]


@pytest.fixture(scope="module")
def topics():
    return TopicModel(2, **SMALL).fit(COUNTS, vocabulary=NAMES)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The client, whose repositories are folders, and what it was asked for."""
    asked = []

    class HfApi:
        def __init__(self, token=None):
            asked.append(("token", (), {"token": token}))

        def create_repo(self, repo_id, **options):
            asked.append(("create_repo", (repo_id,), options))

        def upload_folder(self, **options):
            asked.append(("upload_folder", (), options))
            place = tmp_path / "hub" / options["repo_id"]
            shutil.copytree(options["folder_path"], place)
            return f"https://hub/{options['repo_id']}/commit/1"

    def snapshot_download(repo_id, **options):
        asked.append(("snapshot_download", (repo_id,), options))
        for name in options["allow_patterns"]:
            shutil.copy(tmp_path / "hub" / repo_id / name, options["local_dir"])

    client = SimpleNamespace(HfApi=HfApi, snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)
    return SimpleNamespace(folder=tmp_path / "hub", asked=asked)


def test_a_model_comes_back_as_it_was(topics, hub):
    address = push_to_hub(topics, "me/my-topics", COUNTS, license="cc-by-4.0", token="secret")
    assert address == "https://hub/me/my-topics/commit/1"
    told = {name: {**options, "given": given} for name, given, options in hub.asked}
    assert told["token"]["token"] == "secret"
    assert told["create_repo"] == {"given": ("me/my-topics",), "private": True, "exist_ok": True}
    found = from_pretrained("me/my-topics", revision="abc")
    assert type(found) is TopicModel
    np.testing.assert_array_equal(found.transform(COUNTS), topics.transform(COUNTS))
    name, given, options = hub.asked[-1]
    assert (name, given, options["revision"]) == ("snapshot_download", ("me/my-topics",), "abc")
    files = ["config.json", "manifest.json", "model.safetensors"]
    assert sorted(options["allow_patterns"]) == files  # nothing else is downloaded
    card = (hub.folder / "me" / "my-topics" / "README.md").read_text()
    assert card == model_card(topics, COUNTS, license="cc-by-4.0", repo_id="me/my-topics")


def test_what_is_no_model_is_refused(topics, hub):
    push_to_hub(topics, "me/my-topics")
    config = hub.folder / "me" / "my-topics" / "config.json"
    config.write_text(config.read_text().replace("TopicModel", "TopicModes"))
    with pytest.raises(dirvae.ModelFormatError, match="was edited"):
        from_pretrained("me/my-topics")


def test_the_client_is_called_as_it_takes_it(topics, hub, monkeypatch):
    push_to_hub(topics, "me/my-topics")
    from_pretrained("me/my-topics")
    monkeypatch.undo()
    real = pytest.importorskip("huggingface_hub")
    for name, given, options in hub.asked:
        if name == "token":
            inspect.signature(real.HfApi).bind(**options)
        elif name == "snapshot_download":
            inspect.signature(real.snapshot_download).bind(*given, **options)
        else:
            inspect.signature(getattr(real.HfApi, name)).bind(None, *given, **options)


def test_the_client_is_asked_for_where_it_is_missing(topics, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for call in (lambda: push_to_hub(topics, "me/x"), lambda: from_pretrained("me/x")):
        with pytest.raises(
            ImportError, match=r"needs huggingface_hub: pip install 'dirvae\[hub\]'"
        ):
            call()


def test_a_card_says_what_the_model_is(topics):
    card = model_card(topics, COUNTS, license="mit", repo_id="me/my-topics")
    assert card.startswith(
        "---\nlibrary_name: dirvae\nlicense: mit\ntags:\n- dirvae\n- topic-modeling\n---\n"
    )
    for line in (
        "| class | TopicModel |",
        "| components | 2 |",
        "| columns | 5 |",
        "| rows seen in training | 40 |",
        "Measured on 40 rows.",
        f"| perplexity of held-out words | {topics.perplexity(COUNTS):,.5g} |",
        'model = from_pretrained("me/my-topics")',
    ):
        assert line in card
    for k, share in enumerate(topics.topic_prevalence_):
        assert f"| {k} | " in card
        assert f"| {share:.1%} |" in card


def test_words_are_text_in_a_card(topics):
    card = model_card(topics)
    assert r"\`code\`" in card
    assert r"a\|b" in card
    assert r"\[x\]\(http\://y\)" in card
    assert "&lt;script&gt;" in card
    assert "<script>" not in card
    assert "license:" not in card.split("# ")[0]
    assert "Not measured." in card
    assert "The licence is not stated" in card


def test_each_estimator_has_a_card():
    x, y = COUNTS / COUNTS.max(), np.arange(40) % 2
    rows = DirichletVAE(2, decoder_hidden_sizes=(4,), **SMALL).fit(x)
    score = f"| evidence lower bound, nats a row | {rows.score(x):,.5g} |"
    assert score in model_card(rows, x)
    counts = CompositionModel(2, **SMALL).fit(COUNTS, features=NAMES)
    card, score = model_card(counts, COUNTS), counts.completion_log_prob(COUNTS).mean()
    assert f"| log probability of hidden features, nats a sample | {score:,.5g} |" in card
    assert f"| that of the mean composition | {counts.mean_log_prob(COUNTS).mean():,.5g} |" in card
    labelled = SemiSupervisedVAE(2, **SMALL).fit(x, y)
    assert "| class | SemiSupervisedVAE |" in model_card(labelled)
    with pytest.raises(ValueError, match="X is given, must be None"):
        model_card(labelled, x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"license": "my: licence"}, "license is 'my: licence', must be an identifier such as"),
        ({"repo_id": 'me/"x"'}, "repo_id is .*, must be such as 'me/my-topics'"),
    ],
)
def test_what_the_hub_does_not_take_is_refused(topics, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_for_hub(topics, tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_a_folder_with_other_files_stays(topics, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OSError, match=r"files that are not a model's \(mine.txt\)"):
        save_for_hub(topics, tmp_path)
    assert [path.name for path in Path(tmp_path).iterdir()] == ["mine.txt"]
