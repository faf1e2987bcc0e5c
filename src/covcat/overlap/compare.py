"""Two scaled pictures, and how one is laid onto the other -> how alike they are, block by block.

Only blocks that show anatomy vote: with texture in both, few pixels at an end of the scale (text,
markers, borders, air), and inside both pictures. Within a block only what is left after its own
gain and offset is compared, and after one tone curve for the whole picture, so that gamma, window
and equalisation are no difference. The same least squares that compare also move the picture until
it fits: the places of local features are good to a pixel or two alone.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from covcat.overlap.align import Matrix, is_possible
from covcat.overlap.features import Grey
from covcat.overlap.opencv import opencv

Values = NDArray[np.float32]
_SIDE = 24  # pixels of a block; larger ones hold too much that two chests have in common
_STEPS = 8  # of fitting; most need three
_SETTLED = 0.02  # pixels at the edge of a picture: a step that is not worth taking
_BLUR = 1.0  # pixels: noise and what JPEG leaves are no anatomy
_TEXTURE = 0.04  # of the picture's standard deviation, that a block must have
_AT_ENDS = (0.1, 0.5)  # share of a block's pixels; the second where the first leaves too few
_END = 2  # grey levels from the darkest and the brightest
LEAST_BLOCKS = 8
_GRAIN = 12.6  # pixels that are blurred into one: so much fewer tell independently
_MOST_BLOCKS = 75  # % of blocks that must fit where they are
_SURE = 2.0  # times the variance that noise alone gives a shift
_COARSE = 1.2  # pixels as decoded, that a drift is told after a blur of: JPEG moves finer edges
_THINNED = 2  # pixels, of which one is taken where a drift is told
_FLOOR = 0.005  # variance of a shift that is told as exactly as can be
_FARTHEST = 3.0  # pixels of a shift that is believed
_FLAT = 5  # pixels a side of what is of one tone
_TONES = 64  # points of the tone curve
_SMOOTH = (0.25, 0.5, 0.25)  # of neighbouring points
_HALF = 256.0  # pixels, in which the fit counts places


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """How alike two pictures are that are laid onto each other."""

    matrix: Matrix  # after the fit
    score: float  # median correlation of the blocks, whose tones may change across each
    plain: float  # the same without that: CLAHE is a difference, and so are other patients
    shift: float  # pixels, by which a quarter of the blocks would surely fit better elsewhere
    blocks: int  # that voted
    is_inverted: bool


@dataclass(frozen=True, slots=True, eq=False)
class _ReadyPicture:
    """A picture, made ready."""

    grey: Values  # a little blurred
    ends: NDArray[np.uint8]  # 1 where it is at an end of its scale
    contrast: float


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """The voting blocks of both, a row each: values, and how those of the laid one grow."""

    ours: Values
    theirs: Values
    across: Values
    down: Values
    columns: Values  # where a pixel is, from the middle
    rows: Values


@dataclass(frozen=True, slots=True, eq=False)
class _Tones:
    """A tone curve, of so many points."""

    least: float
    per_grey: float
    curve: NDArray[np.float64]

    def of(self, grey: Values) -> Values:
        return self._at(grey, self.curve)

    def steepness(self, grey: Values) -> Values:
        return self._at(grey, np.gradient(self.curve) * self.per_grey)

    def _at(self, grey: Values, curve: NDArray[np.float64]) -> Values:
        places = (grey - self.least) * self.per_grey
        found: Values = np.interp(places, np.arange(_TONES), curve).astype(np.float32)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _BlockFits:
    """What each voting block says."""

    local: NDArray[np.float64]  # correlation, with tones that change across it
    plain: Values
    shifts: NDArray[np.float64]  # n x 2: pixels by which it would fit better elsewhere
    errors: NDArray[np.float64]  # the variance that noise alone gives a shift


def compare(a: Grey, b: Grey, matrix: Matrix) -> Likeness | None:
    """Return how alike they are once `a` is laid onto `b`; None where too little can be told.

    They are compared at the scale of the smaller: the one that is larger there is laid onto it.
    """
    if abs(np.linalg.det(matrix[:, :2])) <= 1:
        return _fit(_sheet(a), _sheet(b), matrix)
    back = _fit(_sheet(b), _sheet(a), opencv().invertAffineTransform(matrix))
    if back is None:
        return None
    return replace(back, matrix=opencv().invertAffineTransform(back.matrix))


def drift(a: Grey, b: Grey, matrix: Matrix, enlarged: float) -> float | None:
    """Return by how many pixels a quarter of what shows lies elsewhere, `a` being laid onto `b`.

    What can be told exactly weighs most. Both are blurred by what a pixel as decoded is here,
    `enlarged` times one: finer than that a copy is moved by its own pixels.
    """
    if abs(np.linalg.det(matrix[:, :2])) > 1:
        a, b, matrix = b, a, opencv().invertAffineTransform(matrix)
    theirs = _sheet(b)
    laid, kept = _overlaid(_sheet(a), theirs, matrix)
    if kept is None:
        return None
    tones = _tones(_cut(laid)[kept], _cut(theirs.grey)[kept])
    blur = _COARSE * enlarged
    ours, grey = (opencv().GaussianBlur(one, (0, 0), blur) for one in (tones.of(laid), theirs.grey))
    some = _thinned(_blocks(ours, grey, kept))
    grain = 4 * np.pi * (_BLUR**2 + blur**2) + enlarged**2
    found = _explained(some, grain / _THINNED**2)
    shifts = np.hypot(*np.clip(found.shifts, -_FARTHEST, _FARTHEST).T)
    order = np.argsort(shifts)
    weight = np.cumsum(1 / (found.errors[order] + _FLOOR * enlarged))
    return float(shifts[order][np.searchsorted(weight, weight[-1] * _MOST_BLOCKS / 100)])


def _thinned(blocks: _Blocks) -> _Blocks:
    """Return every second row and column: once blurred the others tell little more."""
    every = (blocks.ours, blocks.theirs, blocks.across, blocks.down, blocks.columns, blocks.rows)
    step = slice(None, None, _THINNED)
    squares = (one.reshape(-1, _SIDE, _SIDE)[:, step, step] for one in every)
    return _Blocks(*(np.ascontiguousarray(one).reshape(len(one), -1) for one in squares))


def flat_share(grey: Grey) -> float:
    """Return how much of a picture, but for what is black or white, is of exactly one tone.

    A scan has grain everywhere.
    """
    cv2, square = opencv(), np.ones((_FLAT, _FLAT), np.uint8)
    inner = (grey > int(grey.min()) + _END) & (grey < int(grey.max()) - _END)
    flat = inner & (cv2.dilate(grey, square) == cv2.erode(grey, square))
    return int(flat.sum()) / max(int(inner.sum()), 1)


def _sheet(grey: Grey) -> _ReadyPicture:
    darkest, brightest = int(grey.min()), int(grey.max())
    ends = ((grey <= darkest + _END) | (grey >= brightest - _END)).astype(np.uint8)
    blurred: Values = opencv().GaussianBlur(grey.astype(np.float32), (0, 0), _BLUR)
    return _ReadyPicture(blurred, ends, float(blurred.std()))


def _fit(ours: _ReadyPicture, theirs: _ReadyPicture, matrix: Matrix) -> Likeness | None:
    """Move the picture until it fits, and return the best that was met."""
    best: tuple[float, Matrix, _Blocks] | None = None
    for _ in range(_STEPS + 1):
        blocks = _laid(ours, theirs, matrix)
        if blocks is None:
            break
        score = abs(float(np.median(_correlations(blocks.ours, blocks.theirs))))
        if best is None or score > best[0]:
            best = (score, matrix, blocks)
        elif score < best[0] - 0.05:
            break  # it runs away
        if (moved := _moved(blocks, matrix, theirs.grey.shape)) is None:
            break
        matrix = moved
    if best is None:
        return None
    return _judged(best[2], best[1])


def _laid(ours: _ReadyPicture, theirs: _ReadyPicture, matrix: Matrix) -> _Blocks | None:
    """Return the voting blocks, once one is laid onto the other."""
    laid, kept = _overlaid(ours, theirs, matrix)
    return None if kept is None else _blocks(laid, theirs.grey, kept)


def _overlaid(
    ours: _ReadyPicture, theirs: _ReadyPicture, matrix: Matrix
) -> tuple[Values, NDArray[np.bool_] | None]:
    """Lay one onto the other; and return which blocks vote, or None where too few do."""
    cv2 = opencv()
    height, width = theirs.grey.shape
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    grey = cv2.GaussianBlur(ours.grey, (0, 0), 0.5 / scale) if scale < 0.7 else ours.grey
    to = (width, height)
    laid: Values = cv2.warpAffine(grey, matrix, to, flags=cv2.INTER_LINEAR)
    full = np.ones(grey.shape, np.uint8)
    inside = _cut(cv2.warpAffine(full, matrix, to, flags=cv2.INTER_NEAREST)).all(axis=1)
    ends = _cut(cv2.warpAffine(ours.ends, matrix, to, flags=cv2.INTER_NEAREST)).mean(axis=1)
    ends = np.maximum(ends, _cut(theirs.ends).mean(axis=1))
    voting = inside & (_cut(laid).std(axis=1) > _TEXTURE * ours.contrast)
    voting &= _cut(theirs.grey).std(axis=1) > _TEXTURE * theirs.contrast
    kept = voting & (ends < _AT_ENDS[0])
    if kept.sum() < 2 * LEAST_BLOCKS:
        kept = voting & (ends < _AT_ENDS[1])
    return laid, kept if kept.sum() >= LEAST_BLOCKS else None


def _blocks(ours: Values, theirs: Values, kept: NDArray[np.bool_]) -> _Blocks:
    """Return these blocks of both, and how those of the first grow."""
    height, width = theirs.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    places = ((columns - width / 2) / _HALF, (rows - height / 2) / _HALF)
    cv2 = opencv()
    grown = (cv2.Sobel(ours, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    return _Blocks(*(_cut(one)[kept] for one in (ours, theirs, *grown, *places)))


def _cut(picture: np.ndarray) -> np.ndarray:
    """Return whole blocks of a picture, a row each."""
    down, across = (side // _SIDE for side in picture.shape)
    whole = picture[: down * _SIDE, : across * _SIDE].reshape(down, _SIDE, across, _SIDE)
    return whole.swapaxes(1, 2).reshape(down * across, _SIDE * _SIDE)


def _centred(rows: Values) -> Values:
    centred: Values = rows - rows.mean(axis=1, keepdims=True)
    return centred


def _correlations(x: Values, y: Values) -> Values:
    """Return the correlation of each row of one with that of the other."""
    x, y = _centred(x), _centred(y)
    found: Values = (x * y).sum(axis=1) / np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1) + 1e-6)
    return found


def _moved(blocks: _Blocks, matrix: Matrix, shape: tuple[int, ...]) -> Matrix | None:
    """Return where the picture fits better: one step of least squares over all blocks.

    Each block has its own gain and offset; those that agree already weigh more, so that text and
    what was drawn into one of them pull little. None where it stays.
    """
    grown, by = (blocks.across, blocks.down), (1.0, blocks.columns, blocks.rows)
    parts = (one * place for one in grown for place in by)
    columns = np.stack([*parts, blocks.ours, blocks.theirs], axis=1)
    columns -= columns.mean(axis=2, keepdims=True)
    products = columns @ columns.swapaxes(1, 2)  # of each block: small, so no thread is started
    power, size = products[:, 6, 6] + 1e-6, np.sqrt(products[:, 7, 7] + 1e-6)
    gain = products[:, 6, 7] / power
    agreement = gain * np.sqrt(power) / size
    weight = (np.clip(agreement * np.sign(np.median(agreement)), 0.05, 1) / size) ** 2 * gain
    slopes, along, missing = products[:, :6, :6], products[:, :6, 6], products[:, :6, 7]
    slopes = slopes - along[:, :, None] * along[:, None] / power[:, None, None]
    normal = np.tensordot(weight * gain, slopes.astype(np.float64), axes=1)
    aims = weight @ (missing - gain[:, None] * along).astype(np.float64)
    normal += np.eye(6) * (1e-6 * np.trace(normal) + 1e-12)
    found = np.linalg.solve(normal, aims).reshape(2, 3)
    if np.abs(found).sum(axis=1).max() < _SETTLED:
        return None
    middle = np.array([shape[1] / 2, shape[0] / 2])
    step = np.eye(3)
    step[:2, :2] += found[:, 1:] / _HALF
    step[:2, 2] = found[:, 0] - found[:, 1:] @ middle / _HALF
    if not np.isfinite(step).all() or abs(np.linalg.det(step)) < 0.2:
        return None
    moved: Matrix = (np.linalg.inv(step) @ np.vstack([matrix, [0, 0, 1]]))[:2]
    return moved if is_possible(moved) else None


def _judged(blocks: _Blocks, matrix: Matrix) -> Likeness:
    """Compare block by block, each with a gain and an offset that may change across it."""
    sign = float(np.sign(np.median(_correlations(blocks.ours, blocks.theirs)))) or 1.0
    tones = _tones(blocks.ours, blocks.theirs)
    steep = tones.steepness(blocks.ours)
    toned = tones.of(blocks.ours), blocks.theirs, blocks.across * steep, blocks.down * steep
    found = _explained(_Blocks(*toned, blocks.columns, blocks.rows), _GRAIN)
    beyond = (found.shifts**2).sum(axis=1) - _SURE * found.errors
    return Likeness(
        matrix=matrix,
        score=float(np.median(found.local)),
        plain=float(np.median(found.plain)),
        shift=float(np.percentile(np.sqrt(np.clip(beyond, 0, None)), _MOST_BLOCKS)),
        blocks=len(found.local),
        is_inverted=sign < 0,
    )


def _explained(blocks: _Blocks, grain: float) -> _BlockFits:
    """Explain each block of the one by that of the other, which has its tones, moved a little."""
    plain = _correlations(blocks.ours, blocks.theirs)
    x, y = _centred(blocks.ours), _centred(blocks.theirs)
    across, down = (_centred(one) * (_HALF / _SIDE) for one in (blocks.columns, blocks.rows))
    grown = [_centred(one) for one in (blocks.across, blocks.down)]
    parts = [np.ones_like(x), across, down, x, x * across, x * down, *grown, y]
    basis = np.stack(parts, axis=1, dtype=np.float64)
    products = basis @ basis.swapaxes(1, 2)  # of each block: small, so no thread is started
    normal, aims, power = (
        products[:, :8, :8] + np.eye(8) * 1e-3,
        products[:, :8, 8],
        products[:, 8, 8],
    )
    fitted = np.linalg.solve(normal[:, :6, :6], aims[:, :6, None])[..., 0]
    share = np.einsum("nk,nk->n", fitted, 2 * aims[:, :6]) - np.einsum(
        "nk,nkl,nl->n", fitted, products[:, :6, :6], fitted
    )
    local = np.sqrt(np.clip(share / (power + 1e-6), 0, 1)) * np.sign(fitted[:, 3])
    inverse = np.linalg.inv(normal)
    moved = np.einsum("nkl,nl->nk", inverse, aims)
    unexplained = np.maximum(power - (moved * aims).sum(axis=1), 0)
    error = unexplained / len(y[0]) * grain * (inverse[:, 6, 6] + inverse[:, 7, 7])
    gain = np.maximum(np.abs(moved[:, 3]), 0.05)
    shifts = moved[:, 6:] / gain[:, None]
    return _BlockFits(local, plain, shifts, error / gain**2)


def _tones(ours: Values, theirs: Values) -> _Tones:
    """Return the curve that leads from the tones of blocks to those of the other's."""
    least, most = float(ours.min()), float(ours.max())
    per_grey = (_TONES - 1) / max(most - least, 1e-6)
    at = np.rint((ours - least) * per_grey).astype(np.intp).ravel()
    count = np.bincount(at, minlength=_TONES)
    known = count >= _SIDE
    tones = np.arange(_TONES)
    if known.sum() < 2:
        return _Tones(least, per_grey, least + tones / per_grey)
    total = np.bincount(at, theirs.ravel(), _TONES)
    curve = np.interp(tones, tones[known], (total[known] / count[known]))
    return _Tones(least, per_grey, np.convolve(np.pad(curve, 1, mode="edge"), _SMOOTH, "valid"))
