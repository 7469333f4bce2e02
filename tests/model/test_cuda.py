"""What only a GPU can show; `make test-gpu` runs it where there is one, and the other tests run without it."""

import pytest

from benchmarks.gpu_checks import CHECKS


@pytest.mark.cuda
@pytest.mark.parametrize("name", CHECKS)
def test_the_checks_hold_on_a_gpu(name):
    CHECKS[name]("cuda")


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_the_checks_hold_on_a_cpu(name):
    CHECKS[name]("cpu")
