"""Photos to train on, and the pairs that are made of them."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from kit.training import picture
from PIL import Image

from afdcli.codec.encode import PAPER_QUALITIES, Compression, compress
from afdcli.codec.read import read_photo
from afdcli.errors import UsageError
from afdcli.train.loader import Pairs
from afdcli.train.pairs import (
    Degradation,
    degraded_pair,
    draw_rounds,
    make_pair,
    mixed,
    native_size,
    random_crop,
    random_part,
)
from afdcli.train.photos import collect
from afdcli.train.settings import Mix
from afdcli.view.spec import ViewSpec


def test_too_few_photos_are_refused_and_the_skipped_ones_named(world: Path, tmp_path: Path) -> None:
    for i in range(4):
        Image.fromarray(picture(i)).save(tmp_path / f"{i}.png")
    (tmp_path / "odd.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(UsageError, match=r"4 usable.*skipped 1.*odd\.jpg"):
        collect([tmp_path], 5, 0, set())


def test_photos_are_split_once_and_excluded_ones_never_seen(world: Path) -> None:
    first = collect([world / "photos"], 6, 1, set())
    again = collect([world / "photos"], 6, 1, set())
    assert first == again
    assert len(first.validation) == 6
    assert not set(first.training) & set(first.validation)
    assert set(first.skipped) == {"broken.jpg", "tiny.png"}
    names = {f"a/{i:02}.jpg" for i in range(5)}
    fewer = collect([world / "photos"], 6, 1, names)
    left = {path.name for path in (*fewer.training, *fewer.validation)}
    assert not left & {name[2:] for name in names}


def test_pair_in_the_papers_protocol_has_the_files_own_blocks() -> None:
    """Cropped first, then compressed: the grid is the 28x28 blocks of the file."""
    pixels = picture(3, 224, 224)
    rounds = [Compression("jpeg", 10, "4:4:4")]
    pair = degraded_pair(pixels, Degradation(rounds), ViewSpec())
    assert np.array_equal(pair.clean, pixels)
    photo = read_photo(compress(pixels, rounds))
    assert np.array_equal(pair.drifted.pixels, photo.pixels)
    luma = photo.coefficients.planes[0].coefficients
    expected = luma.transpose(2, 3, 0, 1).reshape(64, 28, 28)
    assert np.array_equal(pair.drifted.grid[:64].astype(np.float32), expected)
    context = pair.drifted.file_context
    assert context[:64] == pytest.approx(np.log(photo.coefficients.planes[0].steps).ravel())
    assert context[-5] == 1


def test_pairs_repeat_with_the_seed_and_show_the_same_crop_twice() -> None:
    pixels = picture(5, 300, 400)
    spec = ViewSpec(64, 64)
    for seed in range(12):
        a = make_pair(pixels, spec, Mix(), np.random.default_rng(seed))
        b = make_pair(pixels, spec, Mix(), np.random.default_rng(seed))
        assert np.array_equal(a.drifted.grid, b.drifted.grid)
        assert a.clean.shape == a.drifted.pixels.shape == (64, 64, 3)
        # The same picture but for compression: any shift or mirroring would cost far more.
        error = np.abs(a.clean.astype(int) - a.drifted.pixels).mean()
        assert error < 25
        mirrored = np.abs(a.clean[:, ::-1].astype(int) - a.drifted.pixels).mean()
        assert error < mirrored


def test_a_chain_has_the_papers_qualities_throughout_or_any() -> None:
    mix = Mix(clean=0, single=0, double=0, other_codec=0, paper=0.4)
    rng = np.random.default_rng(3)
    chains = [draw_rounds(mix, rng) for _ in range(2000)]
    paper = [all(one.quality in PAPER_QUALITIES for one in chain) for chain in chains]
    assert np.mean(paper) == pytest.approx(0.4, abs=0.04)


def test_mix_draws_what_it_says() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_rounds(Mix(), rng) for _ in range(4000)]
    counts = np.bincount([len(rounds) for rounds in drawn], minlength=6) / len(drawn)
    mix = Mix()
    rest = 1 - mix.clean
    assert counts[0] == pytest.approx(mix.clean, abs=0.02)
    assert counts[1] == pytest.approx(rest * mix.single, abs=0.03)
    assert counts[2] == pytest.approx(rest * mix.double, abs=0.03)
    assert counts[3:].sum() == pytest.approx(rest * (1 - mix.single - mix.double), abs=0.03)
    last = [rounds[-1] for rounds in drawn if rounds]
    assert {c.codec for c in last} == {"jpeg", "avif", "webp"}
    assert {c.subsampling for c in last} == {"4:4:4", "4:2:2", "4:2:0"}
    assert min(c.quality for c in last) >= mix.lowest


def test_random_crop_sizes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert random_crop(picture(1), (64, 48), rng).shape == (64, 48, 3)
        part = random_part(picture(1, 300, 420), rng)
        assert min(native_size(part, 224, rng)) >= 16
        assert part.shape[0] <= 300
        assert part.shape[1] <= 420


def test_two_pictures_in_one() -> None:
    """A part of the second is pasted, or the two are blended."""
    black, white = np.zeros((40, 50, 3), np.uint8), np.full((40, 50, 3), 255, np.uint8)
    kinds = set()
    for seed in range(20):
        out = mixed(black, white, np.random.default_rng(seed))
        assert out.shape == black.shape
        values = np.unique(out).tolist()
        kinds.add(len(values))
        share = out.mean() / 255
        assert 0.15 < share < 0.85
        assert values == [0, 255] or len(values) == 1
    assert kinds == {1, 2}


def test_a_thumbnails_target_is_the_photo_at_full_size() -> None:
    pixels, spec = picture(3, 224, 224), ViewSpec()
    harm = Degradation([Compression("jpeg", 90, "4:4:4")], (112, 112))
    pair = degraded_pair(pixels, harm, spec)
    assert np.array_equal(pair.clean, pixels)
    assert (
        pair.drifted.file_context[-5:].tolist()
        != degraded_pair(pixels, Degradation(harm.rounds), spec).drifted.file_context[-5:].tolist()
    )


def test_a_chain_is_made_smaller_before_the_last_round() -> None:
    pixels = picture(3, 200, 300)
    rounds = [Compression("jpeg", 20), Compression("jpeg", 60)]
    photo = Degradation(rounds, shrink=0.5).applied(pixels)
    assert photo.pixels.shape == (100, 150, 3)
    assert photo.codec == "jpeg"
    screenshot = Degradation(rounds, lossless=True).applied(pixels)
    assert screenshot.codec == "png"
    assert np.array_equal(screenshot.pixels, read_photo(compress(pixels, rounds)).pixels)


def test_each_folder_gives_as_many_pairs(world: Path, tmp_path: Path) -> None:
    for folder, count, grey in (("few", 12, 40), ("many", 60, 200)):
        (tmp_path / folder).mkdir()
        for i in range(count):
            Image.new("RGB", (128, 128), (grey,) * 3).save(tmp_path / folder / f"{i}.png")
    photos = collect([tmp_path / "few", tmp_path / "many"], 8, 0, set())
    assert [len(folder) for folder in photos.folders] == [12 - 2, 60 - 4]
    assert len(photos.validation) == 6
    spec = ViewSpec(64, 64)
    pairs = iter(Pairs(photos.folders, spec, Mix(clean=1.0, mixed=0, recoloured=0.0), seed=0))
    drawn = [int(clean.float().mean()) for clean, *_ in itertools.islice(pairs, 200)]
    assert 60 < drawn.count(40) < 140
    assert drawn.count(40) + drawn.count(200) == 200


def test_recoloured_pictures_keep_their_shapes_and_change_alike_before_and_after() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(60, 190, (160, 160, 3)).astype(np.uint8)
    spec = ViewSpec(64, 64)
    mix = Mix(clean=0.0, mixed=0.0, native=0.0, recoloured=1.0, paper=0.0, lowest=90, highest=90)
    drawn = [make_pair(pixels, spec, mix, rng) for _ in range(12)]
    means = [pair.clean.mean() for pair in drawn]
    assert max(means) - min(means) > 15  # the photo itself has one mean
    for pair in drawn:
        assert abs(pair.clean.mean() - pair.drifted.pixels.mean()) < 3
