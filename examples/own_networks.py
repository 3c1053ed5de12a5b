"""Put networks of your own into a cascade, without the rest of wee: no store, no command line, no config.

All that is needed are modules that map inputs [n, channels, height, width] to logits [n, classes], their logits on validation
data, and a cost for each. The example

1. trains four small networks on scikit-learn's scanned digits, which takes a few seconds;
2. fits a window on half of the validation data: between which confidences a sample goes on to the next network;
3. certifies on the other half an acceptance threshold with which at most 8 % of what is accepted is wrong;
4. runs the cascade on test images, and compares it with one network and with the whole ensemble.

    python examples/own_networks.py
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor, nn

from wee.cascade.module import Cascade
from wee.method import FixedRule, Stages, Task, Window, summarise
from wee.method.guarantees import accepted_errors, certify, split_groups, threshold_candidates

SIZES = (12, 12, 48, 48)
"""The hidden units of each network, in the order in which they run."""

SCORE = "msp"
"""The confidence: the largest probability of the mean prediction."""

RISK, DELTA = 0.08, 0.1
"""At most this share of what is accepted is wrong, with a probability of 1 - DELTA."""


def data() -> dict[str, tuple[Tensor, Tensor]]:
    """Return noisy images [n, 1, 8, 8] and labels [n] of three disjoint parts, by name."""
    digits = load_digits()
    random = torch.Generator().manual_seed(0)
    images = torch.from_numpy(digits.images).float()[:, None] / 16
    images += 0.3 * torch.randn(images.shape, generator=random)
    order = torch.randperm(len(images), generator=random)
    labels = torch.from_numpy(digits.target).long()
    parts = {"train": order[:500], "val": order[500:1200], "test": order[1200:]}
    return {name: (images[places], labels[places]) for name, places in parts.items()}


def trained(images: Tensor, labels: Tensor) -> list[nn.Module]:
    """Train a network of each size."""
    networks: list[nn.Module] = []
    for seed, hidden in enumerate(SIZES):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))
        optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
        for _ in range(40):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(images), labels).backward()
            optimiser.step()
        networks.append(network.eval())
    return networks


def stages_of(networks: Sequence[nn.Module], images: Tensor, labels: Tensor) -> Stages:
    """Summarise what the first 1, 2, .. networks say of some images."""
    with torch.inference_mode():
        logits = [network(images).numpy() for network in networks]
    prefixes = [tuple(range(length)) for length in range(1, len(networks) + 1)]
    summaries = summarise(logits, labels.numpy(), prefixes, [SCORE])
    macs = np.cumsum([64 * hidden + hidden * 10 for hidden in SIZES]).tolist()
    return Stages([summaries[prefix] for prefix in prefixes], macs, np.arange(len(images)).astype("S"))


def line(name: str, correct: NDArray[np.bool_], accepted: NDArray[np.bool_], macs: float) -> str:
    """Return a line with coverage, risk and cost."""
    risk = 1 - correct[accepted].mean() if accepted.any() else 0.0
    return f"{name:<16}{accepted.mean():>9.1%}{risk:>9.1%}{macs:>9,.0f}"


def main() -> None:
    """Train, fit, certify, run and compare."""
    parts = data()
    networks = trained(*parts["train"])

    # Half of the validation samples tune, the others certify and do nothing else. All are independent: each is its own group.
    images, labels = parts["val"]
    certifies = torch.from_numpy(split_groups(np.arange(len(images)), seed=0))
    tuning = stages_of(networks, images[~certifies], labels[~certifies])
    certification = stages_of(networks, images[certifies], labels[certifies])

    task = Task.parse("cov@5")
    rule = Window(task, width=0.3, score=SCORE).fit(tuning)

    tuned, certifying = tuning.at(rule(tuning)), certification.at(rule(certification))
    candidates = threshold_candidates(tuned.score(SCORE))
    evidence = [
        [accepted_errors(outcome.score(SCORE), ~outcome.correct, candidates, RISK)] for outcome in (tuned, certifying)
    ]
    certificate = certify(*evidence, DELTA)
    if certificate.index is None:
        print(f"no threshold can be certified; the bound at the first one is {certificate.bounds[0]:.1%}")
        threshold = np.inf
    else:
        threshold = float(candidates[certificate.index])
        print(
            f"accepted from a confidence of {threshold:.3f} on: with probability {1 - DELTA:.0%}, at most {RISK:.0%} of what "
            f"is accepted is wrong ({certificate.losses[0]} errors among {certificate.counts[0]} certification samples)"
        )

    # The cascade decides by the very rule that was fitted; each network runs on no more samples than reach it.
    cascade = Cascade(networks, rule, SCORE, acceptance=threshold)
    images, labels = parts["test"]
    prediction = cascade(images)
    assert prediction.accepted is not None
    macs = np.array(tuning.cost)[prediction.stage.numpy()].mean()
    print(f"{'test images':<16}{'accepted':>9}{'risk':>9}{'MACs':>9}")
    print(line("cascade", (prediction.label == labels).numpy(), prediction.accepted.numpy(), macs))
    test = stages_of(networks, images, labels)
    rules = {"cascade": rule, "first network": FixedRule(0), "whole ensemble": FixedRule(len(networks) - 1)}
    for name, other in rules.items():
        before, outcome = tuning.at(other(tuning)), test.at(other(test))
        accepted = outcome.score(SCORE) >= task.acceptance_threshold(before.ranked(SCORE))
        print(line(f"{name} *", outcome.correct, accepted, outcome.mean_cost))
    shares = [(prediction.stage >= stage).double().mean().item() for stage in range(len(networks))]
    print(f"reach stage 1, 2, ..: {', '.join(f'{share:.0%}' for share in shares)}")
    print("* accepted at a threshold set for 5 % on the tuning samples; nothing is certified")


if __name__ == "__main__":
    main()
