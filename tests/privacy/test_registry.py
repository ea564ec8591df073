"""The engines by name: what is refused, with what words, before TensorFlow loads."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support import environment

from mnist_etc.errors import ConfigError, PrivacyError
from mnist_etc.privacy.registry import ENGINES, Engine, build_engine, refuse


def test_the_engines_and_what_they_can() -> None:
    assert list(ENGINES) == ["fast", "tensorflow_privacy"]
    assert all(ENGINES[name].help for name in ENGINES)
    assert ENGINES["tensorflow_privacy"].layers is None


def test_a_layer_without_a_rule_is_refused_by_its_name() -> None:
    refuse("fast", ["Conv2D", "MaxPooling2D", "Dense"])
    words = r"the layer LSTM, which the fast engine has no rule for yet.*privacy\.engine=tensorflow_privacy"
    with pytest.raises(ConfigError, match=words) as caught:
        refuse("fast", ["Dense", "LSTM"])
    assert caught.value.exit_code == 2
    refuse("tensorflow_privacy", ["Dense", "LSTM"])


@pytest.mark.parametrize("engine", list(ENGINES))
def test_a_layer_that_mixes_the_batch_is_refused_for_ever(engine: str) -> None:
    with pytest.raises(ConfigError, match=r"the layer BatchNormalization, which mixes the batch: .* can ever be"):
        refuse(engine, ["BatchNormalization"])


def test_an_engine_of_no_row_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"one of fast, tensorflow_privacy; received 'fats'\. Did you mean fast\?"):
        refuse("fats", [])
    with pytest.raises(ConfigError, match="received 'opacus'"):
        build_engine("opacus", None, None, l2_norm_clip=1, noise_multiplier=1, seed=0)


def test_an_engine_that_is_not_installed_says_what_it_needs() -> None:
    row = Engine(help="x", build=lambda *_, **__: None, layers=None, package="no_such_engine", python="3.11")
    words = r"^no-such-engine is not installed\. It needs Python 3\.11\. Pass privacy\.engine=fast\."
    with pytest.raises(PrivacyError, match=words):
        row.require_installed()


def test_plan_registry_and_guarantee_load_no_library() -> None:
    modules = [f"mnist_etc.{name}" for name in ("privacy.plan", "privacy.registry", "audit.canary_run", "audit.job")]
    script = f"import sys, importlib; [importlib.import_module(m) for m in {modules}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "dp_accounting", "hydra", "sklearn", "scipy"} & set(done.stdout.split())
