"""Train small text classifiers and write their logits, as files for `wee import`.

The texts are the first words of docstrings in eight Python libraries that are installed with wee, and the class is the library.
Names of the libraries are removed. Docstrings of one source file form a group, and files, not docstrings, are drawn
for training, validation and test. Another installed version of a library gives other texts, so the logits are committed.

    python experiments/text/make_logits.py    # writes small.npz, medium.npz and large.npz, in two minutes
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neural_network import MLPClassifier

HERE = Path(__file__).parent
LIBRARIES = ("matplotlib", "networkx", "numpy", "pandas", "scipy", "sklearn", "sympy", "torch")
NAMES = re.compile(rf"\b({'|'.join(LIBRARIES)}|scikit-learn|pytorch|np|pd|plt|nx)\b", re.IGNORECASE)
"""The names that would give the library away; they are removed from the texts."""

PER_FILE, PER_LIBRARY = 4, 1000
"""The largest numbers of texts from a file and from a library."""

WORDS = (10, 50)
"""The least and the greatest number of words of a text; longer docstrings are cut."""

SIZES = {"small": (600, 1, 8), "medium": (3000, 1, 32), "large": (12000, 2, 128)}
"""For each scale: the number of features, of which each member uses a random half; the length of the longest phrase that is a
feature; and the hidden units."""


def texts(library: str) -> Iterator[tuple[str, str]]:
    """Yield the file and the first words of docstrings of a library, in an order that a hash of the file decides."""
    spec = find_spec(library)
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent
    names = {f"{library}/{path.relative_to(root).as_posix()}": path for path in root.rglob("*.py")}
    for name in sorted(names, key=digest):
        try:
            nodes = list(ast.walk(ast.parse(names[name].read_text(encoding="utf-8"))))
        except (SyntaxError, UnicodeDecodeError):
            continue
        found = [ast.get_docstring(node) for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        words = [NAMES.sub(" ", text).split()[: WORDS[1]] for text in found if text]
        for text in list(dict.fromkeys(" ".join(first) for first in words if len(first) >= WORDS[0]))[:PER_FILE]:
            yield name, text


def digest(name: str) -> str:
    """Return a hash of a name, which orders files and parts them."""
    return hashlib.sha256(name.encode()).hexdigest()


def samples() -> list[tuple[str, str, int]]:
    """Return the file, the text and the class of every sample; each text occurs once."""
    chosen: dict[str, tuple[str, str, int]] = {}
    for label, library in enumerate(LIBRARIES):
        count = 0
        for file, text in texts(library):
            if count == PER_LIBRARY:
                break
            if text not in chosen:
                chosen[text], count = (file, text, label), count + 1
    return list(chosen.values())


def part_of(file: str) -> str:
    """Return the part that a file belongs to: one half trains, one quarter validates, one quarter tests."""
    return ("train", "train", "val", "test")[int(digest(f"part of {file}"), 16) % 4]


def features(train: list[str], count: int, words: int) -> TfidfVectorizer:
    """Return a fitted map from texts to weighted counts of the most frequent words and phrases."""
    return TfidfVectorizer(ngram_range=(1, words), max_features=count, sublinear_tf=True).fit(train)


def main() -> None:
    """Train two members of each size on the same texts, each on a random half of the features, and write their logits."""
    parts: dict[str, list[tuple[str, str, int]]] = {"train": [], "val": [], "test": []}
    for sample in samples():
        parts[part_of(sample[0])].append(sample)
    labels = {name: np.array([label for _, _, label in part]) for name, part in parts.items()}
    groups = {name: np.array([digest(file)[:12] for file, _, _ in part]) for name, part in parts.items()}
    for scale, (count, words, hidden) in SIZES.items():
        vectoriser = features([text for _, text, _ in parts["train"]], count, words)
        inputs: dict[str, csr_matrix] = {
            name: vectoriser.transform([text for _, text, _ in part]) for name, part in parts.items()
        }
        arrays: dict[str, Any] = {}
        halves = [np.random.default_rng(seed).permutation(count)[: count // 2] for seed in (0, 1)]
        members = [
            MLPClassifier(hidden, random_state=seed, max_iter=12, batch_size=64, learning_rate_init=0.005).fit(
                inputs["train"][:, half], labels["train"]
            )
            for seed, half in enumerate(halves)
        ]
        for name in ("val", "test"):
            # Classifiers of scikit-learn return probabilities; their logarithms are logits with the same softmax.
            log_probabilities = [
                m.predict_log_proba(inputs[name][:, half]) for m, half in zip(members, halves, strict=True)
            ]
            arrays[f"{name}_logits"] = np.stack(log_probabilities).astype(np.float32)
            arrays[f"{name}_labels"], arrays[f"{name}_groups"] = labels[name], groups[name].astype("S")
            arrays[f"{name}_ids"] = np.array([f"{name}-{place}" for place in range(len(labels[name]))], dtype="S")
        # Inputs are sparse: the first layer multiplies non-zero features alone.
        nonzero = np.mean([inputs["val"][:, half].getnnz(axis=1).mean() for half in halves])
        macs = round(hidden * (nonzero + len(LIBRARIES)))
        np.savez_compressed(HERE / f"{scale}.npz", **arrays)
        accuracy = (arrays["test_logits"].argmax(-1) == labels["test"]).mean(axis=1)
        sizes = {name: (len(part), len(set(groups[name]))) for name, part in parts.items()}
        sys.stdout.write(f"{scale}: {macs} MACs, accuracies {accuracy.round(3)}, samples and files {sizes}\n")


if __name__ == "__main__":
    main()
