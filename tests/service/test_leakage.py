"""The budget of leakage: photos of one page come out of one purse, others' do not, and nothing else is remembered."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from scipy.ndimage import affine_transform
from served import HOME, digit, encoded, publish, service_config

from mnist_etc.data import digits
from mnist_etc.service.app import create_app
from mnist_etc.service.keys import add_key
from mnist_etc.service.leakage import DAY, FULL_SHARE, LeakageBudget, Verdict

BITS, LABEL_BITS = math.log2(20), math.log2(10)
TEN = 10 * BITS + 0.1
"""Ten answers of ``levels:2``."""
Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def pages() -> Array:
    """Digits of classes whose members differ: not ones, which are all one stroke."""
    split = digits.read("test")
    return np.asarray(split.images[split.labels != 1][:60] / 255.0)


def photo(page: Array, seed: int) -> Array:
    """Of a page: turned by 5 degrees, moved by a pixel, zoomed by 5 % either way, and noisy (deviation 0.05)."""
    draws = np.random.default_rng(seed)
    angle, zoom = np.deg2rad(draws.uniform(-5, 5)), 1 + draws.uniform(-0.05, 0.05)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
    middle = np.full(2, 13.5)
    moved = affine_transform(page, turn, middle - turn @ (middle + draws.uniform(-1, 1, 2)), order=1)
    return np.asarray(np.clip(moved + 0.05 * draws.standard_normal(page.shape), 0, 1))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_same_image_is_answered_in_full_then_by_its_label_then_not(pages: Array) -> None:
    budget = LeakageBudget(TEN)
    told = [budget.spend("key:a", pages[:1], BITS)[0] for _ in range(15)]
    assert told == [Verdict.full] * 7 + [Verdict.label] * 3 + [Verdict.refused] * 5
    assert 7 * BITS <= FULL_SHARE * TEN < 8 * BITS
    assert 7 * BITS + 3 * LABEL_BITS <= TEN
    assert budget.spend("key:b", pages[:1], BITS) == [Verdict.full], "another sender"


def test_photos_of_a_page_are_of_one_page(pages: Array) -> None:
    full = []
    for number, page in enumerate(pages):
        budget = LeakageBudget(TEN)
        told = [budget.spend("key:a", photo(page, 100 * number + one)[None], BITS)[0] for one in range(20)]
        full.append(told.count(Verdict.full))
    assert min(full) == 7
    assert np.mean(full) < 11, "of 20; these digits fill their frames, so a photo is further off than one of MNIST's"


def test_different_pages_are_not(pages: Array) -> None:
    budget = LeakageBudget(TEN)
    told = [verdict for _ in range(3) for verdict in budget.spend("key:a", pages, BITS)]
    assert np.mean([verdict is Verdict.full for verdict in told]) > 0.98


def test_a_request_of_many_photos_spends_as_many_requests_do_or_nothing(pages: Array) -> None:
    many = np.stack([pages[0]] * 11)
    budget = LeakageBudget(TEN)
    assert budget.spend("key:a", many, BITS)[-1] is Verdict.refused
    assert budget.spend("key:a", many[:8], BITS) == [Verdict.full] * 7 + [Verdict.label], "none of it was counted"
    assert budget.spend("key:a", many[:3], BITS) == [Verdict.label] * 2 + [Verdict.refused]


def test_a_page_is_forgotten_a_day_after_its_last_answer_and_no_day_tells_more(pages: Array) -> None:
    clock = Clock()
    budget, times = LeakageBudget(TEN, clock=clock), []
    for _ in range(200):
        if budget.spend("key:a", pages[:1], BITS)[0] is not Verdict.refused:
            times.append(clock.now)
        clock.now += DAY / 30
    assert len(times) > 11, "it is answered again"
    assert max(sum(start <= one < start + DAY for one in times) for start in times) <= TEN / LABEL_BITS


def test_an_answer_with_noise_is_never_exchanged_for_the_label(pages: Array) -> None:
    budget = LeakageBudget(10)
    told = [budget.spend("key:a", pages[:1], 1.2)[0] for _ in range(9)]
    assert told == [Verdict.full] * 8 + [Verdict.refused]


def test_memory_is_bounded_and_what_most_was_told_about_stays(pages: Array) -> None:
    budget = LeakageBudget(TEN, pages=32, senders=2)
    for _ in range(10):
        budget.spend("key:a", pages[:1], BITS)
    for page in pages[1:]:
        budget.spend("key:a", page[None], BITS)
    ((held),) = budget._senders.values()
    assert len(held.spent) <= 32
    assert budget.spend("key:a", pages[:1], BITS) == [Verdict.refused]
    for sender in ("key:b", "key:c"):
        budget.spend(sender, pages[:1], BITS)
    assert len(budget._senders) == 2
    assert budget.spend("key:a", pages[:1], BITS) == [Verdict.full], "who has not asked for longest is forgotten"


def test_an_empty_image_is_no_page() -> None:
    budget = LeakageBudget(5)
    assert budget.spend("key:a", np.zeros((20, 28, 28)), BITS) == [Verdict.full] * 20


def test_threads_do_not_tell_more(pages: Array) -> None:
    budget, told = LeakageBudget(100 * BITS + 0.1), []

    def ask() -> None:
        told.extend(budget.spend("key:a", pages[:1], BITS)[0] for _ in range(40))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.count(Verdict.full) == 75


def test_what_is_kept_names_nobody_and_shows_nothing(pages: Array) -> None:
    """Two processes describe one image by numbers that have nothing in common, and senders by other names."""
    first, second = LeakageBudget(TEN), LeakageBudget(TEN)
    kept: list[Any] = []
    for budget in (first, second):
        budget.spend("key:somebody", pages[:1], BITS)
        ((name, held),) = budget._senders.items()
        assert b"somebody" not in name
        kept.append((name, held.seen[0]))
    assert kept[0][0] != kept[1][0]
    assert abs(kept[0][1] @ kept[1][1]) < 0.9
    assert {type(value) for value in vars(held).values()} == {int, np.ndarray}
    assert held.seen.shape == (1, 36)


def test_a_key_is_told_the_label_then_a_problem_and_loopback_without_keys_everything(tmp_path: Path) -> None:
    publish(tmp_path, "levels:2")
    config = service_config(tmp_path, f"service.leakage_budget_bits={TEN}", "service.counts=null")
    key = add_key(Path(str(config.keys)), "somebody", None)
    with TestClient(create_app(config), base_url=HOME, headers={"X-API-Key": key}) as client:
        answers = [client.post("/v1/classify", content=encoded(digit(7))) for _ in range(12)]
        told = [one.json()["answers"][0]["probability"] for one in answers[:10]]
        assert [share is None for share in told] == [False] * 7 + [True] * 3
        assert {one.json()["answers"][0]["class"] for one in answers[:10]} == {"7"}
        for refused in answers[10:]:
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == str(int(DAY))
            assert refused.json()["type"] == "/docs#told-enough"
        assert client.post("/v1/classify", content=encoded(digit(0))).json()["answers"][0]["probability"] is not None
    Path(str(config.keys)).unlink()
    with TestClient(create_app(config), base_url=HOME) as client:
        for _ in range(12):
            assert (
                client.post("/v1/classify", content=encoded(digit(7))).json()["answers"][0]["probability"] is not None
            )
