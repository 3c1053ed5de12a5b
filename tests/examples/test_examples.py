"""Each script in `examples/` runs, and gives what the cascade gives."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers.cascades import Made, cascade_folder
from wee.cascade.module import Cascade
from wee.cascade.predict import PredictedImage, Predictor
from wee.data.images.listing import list_images
from wee.method import Interval, IntervalRule

EXAMPLES = Path(__file__).parents[2] / "examples"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cascade, and 48 images of several sizes."""
    place = tmp_path_factory.mktemp("examples")
    rule = IntervalRule("msp", [Interval(0.3, 0.56)])
    cascade_folder(place / "cascade", [Made(8, 0), Made(12, 1)], rule, acceptance=0.6)
    rng = np.random.default_rng(0)
    (place / "images").mkdir()
    for number in range(48):
        side = 12 + number % 3
        pixels = np.kron(rng.integers(256, size=(5, 5, 3), dtype=np.uint8), np.ones((4, 4, 1), dtype=np.uint8))
        Image.fromarray(pixels[:side, :side]).save(place / "images" / f"{number:02d}.png")
    return place


def expected(place: Path) -> dict[str, PredictedImage]:
    """What the cascade says of each image, by name."""
    listing = list_images(place / "images")
    rows = Predictor(Cascade.load(place / "cascade"), listing).rows(range(len(listing.names)), {})
    assert {row.stage for row in rows} == {1, 2}
    assert {row.accepted for row in rows} == {True, False}
    return {row.file: row for row in rows}


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def test_every_example_is_tested_and_says_how_to_run_it() -> None:
    names = {file.name for file in EXAMPLES.glob("*.py")}
    assert names == {"classify_folder.py", "own_networks.py", "serve.py"}
    for name in names:
        assert f"python examples/{name}" in (EXAMPLES / name).read_text().split('"""')[1]


def test_classify_folder(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("classify_folder", EXAMPLES / "classify_folder.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main([str(place / "cascade"), str(place / "images"), "--batch-size", "20"])
    *lines, summary = capsys.readouterr().out.splitlines()
    rows = expected(place)
    assert len(lines) == len(rows) == 48
    for line in lines:
        decision, name, label, *_ = line.split()
        row = rows[name.rstrip(":")]
        assert (decision == "accepted", label) == (row.accepted, row.name)
    accepted = sum(row.accepted for row in rows.values())
    assert summary.startswith(f"{accepted} accepted, {48 - accepted} rejected, 0 unreadable")
    with pytest.raises(SystemExit, match=r"classify_folder: .* is not the folder of a cascade"):
        module.main([str(place), str(place / "images")])


def test_own_networks() -> None:
    done = run("own_networks.py")
    assert done.returncode == 0, done.stderr
    first, head, *rows, reach, _ = done.stdout.splitlines()
    assert "at most 8% of what is accepted is wrong" in first
    assert head.split() == ["test", "images", "accepted", "risk", "MACs"]
    macs = {row[:16].strip(): float(row.split()[-1].replace(",", "")) for row in rows}
    assert macs["first network *"] < macs["cascade"] == macs["cascade *"] < macs["whole ensemble *"]
    risk = float(rows[0].split()[-2].rstrip("%"))
    assert 0 < risk < 12
    assert reach.startswith("reach stage 1, 2, ..: 100%, ")


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    """The address of a running server."""
    for package in ("fastapi", "uvicorn"):
        pytest.importorskip(package, reason="the extra serve is not installed: pip install 'wee[serve]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        str(EXAMPLES / "serve.py"),
        str(place / "cascade"),
        "--port",
        str(port),
        "--wait",
        "0.05",
    ]
    server = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        end = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, server.communicate()[0]
                assert time.monotonic() < end, "the server does not answer"
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def ask(address: str, content: bytes) -> tuple[int, dict[str, Any]]:
    """The status and the JSON of an answer."""
    request = urllib.request.Request(f"{address}/predict", data=content, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def status(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{address}/", timeout=60) as answer:
        read: dict[str, Any] = json.load(answer)
    return read


def test_serve_answers_concurrent_requests_in_batches(place: Path, address: str) -> None:
    rows = expected(place)
    before = status(address)
    assert (before["predictions"], before["shares"], before["fits_calibration"], before["warning"]) == (
        0,
        {},
        None,
        None,
    )
    with ThreadPoolExecutor(24) as pool:
        contents = [(place / "images" / name).read_bytes() for name in rows]
        answers = list(pool.map(lambda content: ask(address, content), contents))
    for (code, answer), row in zip(answers, rows.values(), strict=True):
        assert code == 200
        assert answer.pop("confidence") == pytest.approx(row.confidence, abs=1e-5)
        assert answer == {"label": row.label, "class": row.name, "stage": row.stage, "accepted": row.accepted}
    after = status(address)
    assert after["requests"] - before["requests"] == 48
    assert after["batches"] - before["batches"] <= 24
    assert after["classes"] == [f"class{k}" for k in range(5)]


def test_serve_says_whether_images_are_like_those_of_calibration(place: Path, address: str) -> None:
    """One image again and again has one decision; of the test set, half is accepted and half reaches stage 2."""
    before = status(address)
    name, row = next(iter(expected(place).items()))
    content = (place / "images" / name).read_bytes()
    with ThreadPoolExecutor(24) as pool:
        assert {code for code, _ in pool.map(lambda number: ask(address, content), range(400))} == {200}
        assert ask(address, b"no image")[0] == 400
    after = status(address)
    total = after["predictions"]
    assert total - before["predictions"] == 400
    assert after["counted_as"] == total  # each test sample is a group of its own
    share = after["shares"]["accepted"]
    accepted = before["shares"].get("accepted", {"observed": 0})["observed"] * before["predictions"]
    assert share == {
        "observed": pytest.approx((accepted + 400 * row.accepted) / total),
        "expected": 0.5,
        "differs": True,
    }
    assert set(after["shares"]) == {"accepted", "reaches stage 2"}
    assert after["fits_calibration"] is False
    assert after["warning"].startswith("these images are not like those that the cascade was calibrated on: ")
    assert f"{100 * share['observed']:.2f} % are accepted (50.00 % of the test set)" in after["warning"]


def png(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", 400, "the request is empty: send the content of an image file as its body"),
        (b"no image", 400, "the body of the request is not an image"),
        (png(Image.radial_gradient("L"))[:-2000], 400, "the image is damaged"),
        (png(Image.new("1", (9000, 9000))), 413, "the image has 9000 x 9000 pixels; at most 50,000,000 are allowed"),
        (bytes(21 * 2**20), 413, "the request is larger than 20,971,520 bytes"),
    ],
)
def test_serve_refuses_bad_images_and_goes_on(
    content: bytes, code: int, message: str, place: Path, address: str
) -> None:
    good = (place / "images" / "00.png").read_bytes()
    with ThreadPoolExecutor(2) as pool:  # a good image in the same batch is not harmed
        answers = list(pool.map(lambda one: ask(address, one), [content, good]))
    assert answers[0][0] == code
    assert answers[0][1]["detail"].startswith(message)
    assert answers[1][0] == 200
