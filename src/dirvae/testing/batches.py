"""Check of broadcasting: batches of every form, and values of fewer, equal and more axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from dirvae.distributions.draws import draw, log_law
from dirvae.testing.case import Case, event_dims, implemented, require, said

__all__ = ["AXES", "FORMS", "Cell", "batch_cells", "check_batches"]

FORMS = ("scalar", "(1,)", "(0,)", "(K!,)", "expanded", "non-contiguous")
AXES = ("fewer", "equal", "more")

_EMPTY = (
    " (torch's constraints of vectors cannot check an empty batch: write the support without "
    "constraints.independent, or give skip={'batches (0,)': 'the reason'})"
)

_Law = Callable[[Distribution], Distribution | None]
_KINDS: tuple[tuple[str, _Law], ...] = (("", lambda q: q), ("log: ", log_law))


class Cell(NamedTuple):
    """Result for one form of the batch and one number of batch axes of the value.

    Attributes:
        form: How the batch was made, one of `FORMS`.
        axes: Number of batch axes of the value, compared with the distribution: one of `AXES`.
        status: "passed", "failed" or "skipped".
        detail: What was wrong, or why it was skipped.

    Example:
        >>> Cell("(1,)", "fewer", "passed", "").status
        'passed'
    """

    form: str
    axes: str
    status: str
    detail: str


class _Form(NamedTuple):
    """A batch, each of its members as a distribution of batch shape (), and where they stand."""

    law: Distribution
    members: list[Distribution]
    places: Tensor
    leaves: tuple[Tensor, ...]


def check_batches(case: Case) -> str:
    """Compare batches of every form with their single members."""
    cells = batch_cells(case)
    failed = [f"{c.form} with {c.axes} axes: {c.detail}" for c in cells if c.status == "failed"]
    require(not failed, f"{len(failed)} of {len(cells)} cells fail; " + "; ".join(failed))
    passed = sum(cell.status == "passed" for cell in cells)
    return f"{passed} cells" + (f", {len(cells) - passed} left out" if passed < len(cells) else "")


def batch_cells(case: Case) -> list[Cell]:
    """Try each form of the batch with values of fewer, equal and more batch axes.

    In each cell the batch is compared with its members, each a distribution with batch shape ().
    The comparison covers the density and its gradient, KL divergences, moments and the shapes of
    draws. If ``log()`` gives a distribution of the logarithm, it is tried too. There are 17 cells:
    6 forms with 3 numbers of axes, but a scalar has no form with fewer axes.
    """
    pairs = [pair for pair in product(FORMS, AXES) if pair != ("scalar", "fewer")]
    return [_cell(case, form, axes) for form, axes in pairs]


def _cell(case: Case, form: str, axes: str) -> Cell:
    reason = case.skip.get(f"batches {form}")
    if reason is not None:
        return Cell(form, axes, "skipped", reason)
    for label, kind in _KINDS:
        if kind(case.law()) is None:
            continue
        try:
            _hold(case, form, axes, kind)
        except Exception as error:  # a cell that raises fails; the others still run
            message = f"{label}{type(error).__name__}: {said(error)[:200]}"
            return Cell(form, axes, "failed", message + _EMPTY * ("of 0 elements" in message))
    return Cell(form, axes, "passed", "")


def _hold(case: Case, name: str, axes: str, kind: _Law) -> None:
    form = _form(case, name, kind)
    for value in _values(form, axes, case.generator()):
        _hold_density(form, value)
    _hold_divergences(form, axes, [p for p in map(kind, case.others) if p is not None])
    if axes == "equal":
        _hold_moments(form)
        for dtype in (torch.float32, torch.float64):
            _hold_draws(_form(case, name, kind, dtype).law, case.generator())


def _form(case: Case, name: str, kind: _Law, dtype: torch.dtype = torch.float64) -> _Form:
    rows = _rows(case, dtype)

    def made(parameters: dict[str, Tensor]) -> Distribution:
        law = kind(case.factory(**parameters))
        require(law is not None, "some members have log(), others have not")
        return cast(Distribution, law)

    members = [made(dict(zip(rows, row, strict=True))) for row in zip(*rows.values(), strict=True)]
    places = _places(name, case.law().event_shape) % len(members)
    law = made({key: _placed(value, places, name) for key, value in rows.items()})
    if name == "expanded":
        law, places = law.expand(torch.Size([2, 3])), places.expand(2, 3)
    return _Form(law, members, places, tuple(rows.values()))


def _places(form: str, event_shape: torch.Size) -> Tensor:
    """Numbers in the batch shape of the form; one row of it for what is to be expanded."""
    shapes = {"scalar": (), "(1,)": (1,), "(0,)": (0,), "expanded": (3,), "non-contiguous": (2, 3)}
    shape = shapes.get(form, (math.factorial(max(3, *event_shape, 0)),))
    return torch.arange(math.prod(shape)).reshape(shape)


def _rows(case: Case, dtype: torch.dtype) -> dict[str, Tensor]:
    """Parameters of all members, one after another."""
    law = case.law()
    rows = {}
    for name, value in case.parameters.items():
        event = value.shape[value.dim() - event_dims(law, name, value) :]
        row = value.to(dtype).expand(law.batch_shape + event).reshape(-1, *event)
        rows[name] = row.clone().requires_grad_()
    return rows


def _placed(rows: Tensor, places: Tensor, form: str) -> Tensor:
    """Rows in their places; what is not contiguous has its axes in memory in reverse order."""
    placed = rows[places]
    if form != "non-contiguous":
        return placed
    backwards = tuple(range(placed.dim()))[::-1]
    return placed.permute(backwards).contiguous().permute(backwards)


@torch.no_grad()
def _values(form: _Form, axes: str, generator: torch.Generator) -> Iterator[Tensor]:
    law, dims = form.law, len(form.law.batch_shape)
    if axes == "more":
        yield draw(law, torch.Size([2]), generator)
    elif axes == "equal":
        yield (value := draw(law, torch.Size([]), generator))
        if dims:
            yield value.narrow(dims - 1, 0, min(1, value.shape[dims - 1]))
    else:
        yield draw(form.members[0], torch.Size([]), generator)
        if dims > 1:
            yield draw(law, torch.Size([]), generator)[0]


def _hold_density(form: _Form, value: Tensor) -> None:
    batch, event = form.law.batch_shape, form.law.event_shape
    shape = torch.broadcast_shapes(value.shape[: value.dim() - len(event)], batch)
    rows = value.expand(shape + event).reshape(shape.numel(), *event)
    places = form.places.expand(shape).reshape(-1)
    expected = torch.zeros(len(rows), dtype=value.dtype)
    for number, member in enumerate(form.members):
        # One at a time for a scalar, since more at once are what is tried there.
        own_places = (places == number).nonzero().view(-1)
        parts = own_places.split(len(rows) if batch else 1) if len(own_places) else ()
        for index in parts:
            own = member.log_prob(rows[index] if batch else rows[index[0]])
            expected = expected.index_put((index,), own)
    what = f"log_prob of a value of shape {tuple(value.shape)} in a batch of {tuple(batch)}"
    _agree(what, form.law.log_prob(value), expected.view(shape), form.leaves)


def _hold_divergences(form: _Form, axes: str, others: list[Distribution]) -> None:
    batch = form.law.batch_shape
    wider = {"fewer": torch.Size([]), "equal": batch, "more": torch.Size([2]) + batch}[axes]
    shape = torch.broadcast_shapes(batch, wider)
    for p in (form.members[0], *(p for p in others if not p.batch_shape)):
        expanded, name = p.expand(wider), type(p).__name__
        for turn in (1, -1):
            try:
                found = kl_divergence(*(form.law, expanded)[::turn])
                expected = [kl_divergence(*(member, p)[::turn]) for member in form.members]
            except NotImplementedError:
                continue
            placed = torch.stack(expected)[form.places].expand(shape)
            what = f"KL with {name} of batch {tuple(wider)} in a batch of {tuple(batch)}"
            _agree(what, found, placed, form.leaves)


def _hold_moments(form: _Form) -> None:
    for name in ("mean", "variance", "mode", "entropy"):
        expected = [implemented(member, name) for member in form.members]
        if any(value is None for value in expected):
            continue
        found = implemented(form.law, name)
        require(found is not None, f"{name} is not that of the members")
        stacked = torch.stack([value for value in expected if value is not None])
        _agree(name, cast(Tensor, found), stacked[form.places])


def _hold_draws(law: Distribution, generator: torch.Generator) -> None:
    for shape in (torch.Size(size) for size in ((), (2,), (0,), (2, 0))):
        z = draw(law, shape, generator)
        expected = shape + law.batch_shape + law.event_shape
        require(z.shape == expected, f"draws {tuple(shape)} have shape {tuple(z.shape)}")
        require(not z.isnan().any(), "a draw is NaN")


def _agree(what: str, found: Tensor, expected: Tensor, leaves: tuple[Tensor, ...] = ()) -> None:
    require(
        found.shape == expected.shape,
        f"{what} has shape {tuple(found.shape)}, must be {tuple(expected.shape)}",
    )
    _close(what, found, expected)
    slopes = (_slopes(value, leaves) for value in (found, expected))
    for one, other in zip(*slopes, strict=True):
        _close(f"the gradient of {what}", one, other)


def _close(what: str, found: Tensor, expected: Tensor) -> None:
    error = ((found - expected).abs() / (1 + expected.abs())).detach()
    worst = error.where(found != expected, 0.0).nan_to_num(torch.inf).flatten()
    require(not (worst > 1e-6).any(), f"{what} is off by {max(worst.tolist(), default=0):.1e}")


def _slopes(value: Tensor, leaves: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Gradients of a sum with weights that no symmetry cancels."""
    if not (leaves and value.requires_grad):
        return tuple(torch.zeros_like(leaf) for leaf in leaves)
    weights = torch.cos(torch.arange(value.numel(), dtype=value.dtype) + 0.5).view(value.shape)
    total = (weights * value).sum()
    return torch.autograd.grad(
        total, leaves, retain_graph=True, allow_unused=True, materialize_grads=True
    )
