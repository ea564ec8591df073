"""The audit: its bounds are valid and not idle, the command passes a correct engine and catches three planted bugs."""

from __future__ import annotations

import math
import re
from bisect import bisect_left

import numpy as np
import pytest
from scipy.stats import binom, norm
from support import ROOT, Completed, Run, refused

from mnist_etc.audit.canaries import Auditor, Canaries
from mnist_etc.audit.one_run import Guesses, epsilon_bound, is_refuted, p_value, sampled_gaussian_bound
from mnist_etc.privacy.accounting import SampledGaussian, find_noise_multiplier, spent
from mnist_etc.privacy.config import Accountant

AUDIT = ("-m", "mnist_etc.privacy.audit")
SWITCH = "MNIST_ETC_PLANTED_BUG"
DELTA = 1e-5
CANARIES, MADE = 2000, 400
ONE_STEP = SampledGaussian(sampling_rate=1, noise_multiplier=1.5, steps=1)


def epsilon_of(mechanism: SampledGaussian) -> float:
    return spent([mechanism], DELTA, Accountant.pld)


def simulated(mechanism: SampledGaussian, noise: float, generator: np.random.Generator) -> Guesses:
    """The game on a mechanism with that noise instead of the stated, each canary a coordinate of its own."""
    coins = generator.random(CANARIES) < 0.5
    evidence = np.zeros(CANARIES)
    rate, stated = mechanism.sampling_rate, mechanism.noise_multiplier
    for _ in range(mechanism.steps):
        seen = noise * generator.normal(size=CANARIES) + coins * (generator.random(CANARIES) < rate)
        ratio = (2 * seen - 1) / (2 * stated**2)
        evidence += ratio if rate == 1 else np.logaddexp(math.log1p(-rate), math.log(rate) + ratio)
    order = np.argsort(evidence)
    correct = coins[order[-MADE // 2 :]].sum() + (~coins[order[: MADE // 2]]).sum()
    return Guesses(canaries=CANARIES, made=MADE, correct=int(correct))


def test_without_delta_it_is_the_binomial_tail() -> None:
    guesses = Guesses(canaries=500, made=100, correct=80)
    assert p_value(guesses, 1.0, 0) == pytest.approx(binom.sf(79, 100, math.e / (1 + math.e)))
    assert p_value(Guesses(canaries=100, made=10, correct=10), 0, 0) == pytest.approx(2**-10)


def test_the_p_value_with_delta_is_the_papers() -> None:
    """Its listing, term by term."""
    guesses, epsilon, delta = Guesses(canaries=500, made=50, correct=44), 1.5, 1e-4
    right = 1 / (1 + math.exp(-epsilon))
    alpha, between = 0.0, 0.0
    for fewer in range(1, guesses.correct + 1):
        between += binom.pmf(guesses.correct - fewer, guesses.made, right)
        alpha = max(alpha, between / fewer)
    expected = binom.sf(guesses.correct - 1, guesses.made, right) + alpha * delta * 2 * guesses.canaries
    assert p_value(guesses, epsilon, delta) == pytest.approx(expected)


def test_all_right_guesses_give_the_closed_form() -> None:
    bound = epsilon_bound(Guesses(canaries=100, made=100, correct=100), 0, 0.95)
    assert bound == pytest.approx(-math.log(0.05 ** (-1 / 100) - 1), abs=1e-3)  # (1 + e^-bound)^-100 = 0.05
    assert epsilon_bound(Guesses(canaries=100, made=100, correct=50), 0, 0.95) == 0


@pytest.mark.parametrize(("steps", "rate"), [(1, 1.0), (20, 0.3)], ids=["gaussian", "sampled"])
def test_a_true_statement_is_rarely_refuted_and_a_false_one_is(steps: int, rate: float) -> None:
    noise = find_noise_multiplier(
        target_epsilon=4, delta=DELTA, sampling_rate=rate, steps=steps, accountant=Accountant.pld
    )
    stated = SampledGaussian(sampling_rate=rate, noise_multiplier=noise, steps=steps)
    generator = np.random.default_rng(0)
    tallies = [Guesses(canaries=CANARIES, made=MADE, correct=correct) for correct in range(MADE // 2, MADE + 1)]
    least = tallies[bisect_left(tallies, True, key=lambda one: is_refuted(one, stated, 0.95))].correct
    as_stated = [simulated(stated, noise, generator).correct for _ in range(100)]
    halved = [simulated(stated, noise / 2, generator).correct for _ in range(20)]
    assert sum(correct >= least for correct in as_stated) <= 5
    assert sum(correct >= least for correct in halved) >= 18
    assert epsilon_bound(Guesses(canaries=CANARIES, made=MADE, correct=least), DELTA, 0.95) < epsilon_of(stated)


def test_what_one_guess_may_tell_is_the_trade_off_curve() -> None:
    """Of a Gaussian; one coin, one guess: right with probability Phi(mu / 2) at most."""
    guesses = Guesses(canaries=1, made=1, correct=1)
    right = float(norm.cdf(1 / ONE_STEP.noise_multiplier / 2))
    assert not is_refuted(guesses, ONE_STEP, 1 - right * 0.995)
    assert is_refuted(guesses, ONE_STEP, 1 - right * 1.005)


def test_the_bound_and_the_refutation_agree() -> None:
    bounds = []
    for correct in range(220, 400, 40):
        guesses = Guesses(canaries=CANARIES, made=MADE, correct=correct)
        bound = sampled_gaussian_bound(guesses, ONE_STEP, DELTA, Accountant.pld, 0.95)
        assert (bound >= epsilon_of(ONE_STEP)) == is_refuted(guesses, ONE_STEP, 0.95)
        assert bound >= epsilon_bound(guesses, DELTA, 0.95) * 0.98 - 0.05
        bounds.append(bound)
    assert bounds == sorted(bounds)
    assert bounds[0] < epsilon_of(ONE_STEP) < bounds[-1]


def test_more_confidence_bounds_less() -> None:
    guesses = Guesses(canaries=CANARIES, made=MADE, correct=330)
    bounds = [sampled_gaussian_bound(guesses, ONE_STEP, DELTA, Accountant.pld, one) for one in (0.9, 0.99, 0.999)]
    assert bounds == sorted(bounds, reverse=True)
    assert len(set(bounds)) == 3


@pytest.mark.parametrize("clip", [0.01, 1.0, 30.0])
def test_a_canary_knows_its_own_gradient(clip: float) -> None:
    import tensorflow as tf

    canaries = Canaries(37, clip)
    features = canaries.beside(np.ones((3, 5), np.float32))
    generator = np.random.default_rng(1)
    kernel = generator.normal(size=(features.shape[1], 10), scale=0.5 / canaries.size).astype(np.float32)
    bias = generator.normal(size=10, scale=0.1).astype(np.float32)
    new = features.shape[1] - 5
    expected = canaries.gradients(kernel[-new:], bias) * clip
    for index in range(len(canaries)):
        weights = [tf.constant(kernel), tf.constant(bias)]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            logits = tf.linalg.matvec(weights[0], features[3 + index], transpose_a=True) + weights[1]
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(canaries.labels[index], logits)
        gradients = [one.numpy() for one in tape.gradient(loss, weights)]
        norm_before = math.hypot(*(np.linalg.norm(one) for one in gradients))
        assert norm_before > 3 * clip
        lit = gradients[0][5 + canaries.coordinates[index]]
        np.testing.assert_allclose(expected[index], lit * clip / norm_before, rtol=1e-4, atol=1e-5 * clip)


def test_the_auditor_guesses_the_extremes() -> None:
    auditor = Auditor(Canaries(6, 1.0), l2_norm_clip=1, sampling_rate=0.5, noise_multiplier=1)
    auditor.evidence[:] = [3, -2, 0.1, 5, -7, 0]
    coins = np.array([True, True, False, True, False, False])
    assert auditor.guess(coins, 4) == Guesses(canaries=6, made=4, correct=3)
    assert auditor.guess(coins, 3) == Guesses(canaries=6, made=3, correct=3)


QUICK = ("membership=false", "privacy.seed=0")


def figure(done: Completed, pattern: str) -> float:
    found = re.search(pattern, done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1].replace(",", ""))


@pytest.mark.parametrize("engine", ["fast", "tensorflow_privacy"])
def test_a_correct_engine_passes(run: Run, engine: str) -> None:
    done = run(*AUDIT, *QUICK, f"privacy.engine={engine}", timed=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "planted" not in done.stdout
    assert engine in done.stdout
    stated, bound = figure(done, r"stated +epsilon ([\d.]+)"), figure(done, r"lower bound +epsilon ([\d.]+)")
    assert 3.9 < stated <= 4
    assert 1 < bound < stated
    assert figure(done, r"canaries +([\d,]+)") == 8000
    assert 1200 < figure(done, r"fixed before; ([\d,]+) correct") < 1450


@pytest.mark.parametrize("bug", ["noise_halved", "batch_clipped", "full_batches"])
def test_a_planted_bug_is_caught(run: Run, bug: str) -> None:
    done = run(*AUDIT, *QUICK, env={SWITCH: bug}, timed=True)
    refused(done, "epsilon", "as stated", "Publish nothing")
    assert f"planted bug: {bug}" in done.stdout
    assert figure(done, r"lower bound +epsilon ([\d.]+)") > figure(done, r"stated +epsilon ([\d.]+)")


@pytest.mark.parametrize(
    ("arguments", "environment", "words", "code"),
    [
        ((), {SWITCH: "nonsense"}, (SWITCH, "noise_halved", "nonsense"), 2),
        (("guesses=9000",), {}, ("guesses", "8000", "9000"), 2),
        (("privacy.delta=0.01",), {}, ("privacy.delta", "9,000"), 2),
        (("batch_size=9001",), {}, ("batch_size", "9000", "9001"), 2),
        (("privacy.target_epsilon=0.001",), {}, ("privacy.target_epsilon",), 2),
        (("confidence=1",), {}, ("confidence between",), 2),
        (("canary=5",), {}, ("'canary'", "Did you mean canaries?"), 2),
    ],
)
def test_refused(
    run: Run, arguments: tuple[str, ...], environment: dict[str, str], words: tuple[str, ...], code: int
) -> None:
    done = run("-X", "importtime", *AUDIT, *arguments, env=environment)
    imported = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert not [line for line in imported if line.split("|")[-1].strip() in {"tensorflow", "keras"}]
    left = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("import time:"))
    refused(Completed(done.returncode, done.stdout, left, done.seconds), *words, code=code)


def test_no_training_reads_the_switch() -> None:
    readers = [
        path
        for path in [*(ROOT / "mnist_etc").rglob("*.py"), *(ROOT / "train_").rglob("*.py")]
        if SWITCH in path.read_text()
    ]
    assert [path.name for path in readers] == ["job.py"]
