"""
Save a model, and serve it
==========================

This page saves a fitted model in a folder. Another process can load the model and answer requests.
Nothing in the folder is pickled. So no code from the folder is run, even if the folder is from a
stranger.
"""

# %%
# Save
# ----

import tempfile
from pathlib import Path

from dirvae import TopicModel
from dirvae.data import docstrings

texts = docstrings(["numpy"]).texts
folder = Path(tempfile.mkdtemp()) / "my-topics"
model = TopicModel(8, max_epochs=10, random_state=0).fit(texts)
model.save(folder)
for path in sorted(folder.iterdir()):
    print(f"{path.stat().st_size / 1000:8.0f} kB  {path.name}")

# %%
# Load, and check
# ---------------
#
# The folder contains the numbers of the model (safetensors), its description (JSON), and a checksum
# of each file. ``load`` refuses a folder with a changed file. The code below removes the last byte
# of a file, to show the error.

from dirvae import ModelFormatError, load

again = load(folder)
assert (again.transform(texts[:20]) == model.transform(texts[:20])).all()
weights = max(folder.iterdir(), key=lambda path: path.stat().st_size)
whole = weights.read_bytes()
weights.write_bytes(whole[:-1])
try:
    load(folder)
except ModelFormatError as error:
    print(str(error).replace(str(folder), "my-topics"))
_ = weights.write_bytes(whole)

# %%
# Serve
# -----
#
# A web framework needs a function from a request to an answer. The model is loaded once, before the
# first request. Each request uses the loaded model.

import json

names = [" ".join(words) for words in again.top_words(3)]


def answer(request: str) -> str:
    found = again.posterior([json.loads(request)["text"]])
    order = found.mean[0].argsort()[::-1][:2]
    topics = [
        {
            "topic": int(number),
            "words": names[number],
            "share": round(float(found.mean[0, number]), 2),
            "interval": [round(float(end[0, number]), 2) for end in (found.lower, found.upper)],
        }
        for number in order
    ]
    return json.dumps({"topics": topics, "off_topic": round(float(found.off_topic[0]), 2)})


print(answer('{"text": "Draw random numbers from a normal distribution with a seed."}'))

# %%
# How long does an answer take? The picture shows the time per document, for calls of 1 to 1,000
# documents. A document takes less time in a call with many documents.

import time

import matplotlib.pyplot as plt

sizes, seconds = (1, 10, 100, 1000), []
for size in sizes:
    start = time.perf_counter()
    again.transform((texts * 2)[:size])
    seconds.append(time.perf_counter() - start)
figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.loglog(
    sizes, [1000 * s / n for s, n in zip(seconds, sizes, strict=True)], "o-", color="#0b6e4f"
)
axes.set(xlabel="documents in a call", ylabel="milliseconds a document")
axes.spines[["top", "right"]].set_visible(False)

# %%
# A model of your own
# -------------------
#
# ``dirvae.save`` saves any ``VAE``. If the networks or distributions are your own classes, first
# build the model again. Then load the saved numbers into this model: ``dirvae.load(path,
# into=vae)``. A ``VAE`` is a PyTorch module. So ``torch.save(vae.state_dict(), path)`` works, too,
# but without the checks.
#
# A server need not have this library. ``dirvae.export.to_torch_export(model, "model.pt2")`` writes
# a program that only PyTorch is needed for. The program takes rows, for example counts of words. It
# returns the posterior mean of the latent and the mean of the data. The command for this is
# ``dirvae export my-topics --format torch-export -o model.pt2``. :doc:`/estimators` describes this
# and other formats.
