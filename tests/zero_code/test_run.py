"""`vitalspan run`: programs that are not changed, in real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from support.ports import free_port
from support.waiting import wait_until

VITALSPAN = [sys.executable, "-m", "vitalspan"]

CHECKOUT = """
import os, subprocess, sys

def pay(amount):
    return amount

class Cart:
    def add(self, item):
        return item
    @classmethod
    def load(cls):
        return cls()
    def _private(self): ...
"""

TELL = """
import json, os, sys

def tell():
    from vitalspan.statistics import service_statistics
    import vitalspan as vs
    calls = vs.get_monitor().recent_calls()
    print(json.dumps({
        "calls": [call.operation for call in calls],
        "variable": "VITALSPAN_RUN" in os.environ,
        "path": os.environ.get("PYTHONPATH", ""),
    }), flush=True)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A directory with a package to run."""
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "checkout.py").write_text(CHECKOUT)
    (package / "telling.py").write_text(TELL)
    return tmp_path


def environment(directory: Path, **more: str) -> dict[str, str]:
    path = os.pathsep.join([str(directory), *filter(None, sys.path)])
    return {**os.environ, "PYTHONPATH": path, **more}


def run(shop: Path, program: str, *options: str, **variables: str) -> list[dict[str, object]]:
    """Run a program, and return what it and the processes that it starts tell."""
    (shop / "main.py").write_text(program)
    ended = subprocess.run(
        [*VITALSPAN, "run", *options, "--", sys.executable, "main.py", "an argument"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=shop,
        env=environment(shop, **variables),
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return [json.loads(line) for line in ended.stdout.splitlines()]


PAY = "from shop.checkout import Cart, pay\nfrom shop.telling import tell\n"


def test_functions_are_operations_and_other_programs_know_nothing_of_it(shop: Path) -> None:
    program = f"""
import subprocess, sys
{PAY}
pay(1)
Cart.load().add(2)
Cart()._private()
tell()
other = {PAY!r} + "pay(1); tell()"
subprocess.run([sys.executable, "-c", other], check=True)
"""
    ours, other = run(shop, program, VITALSPAN_OPERATIONS="shop.checkout:*")
    assert (ours["calls"], other["calls"]) == (["pay", "Cart.load", "Cart.add"], [])
    assert (ours["variable"], other["variable"]) == (False, False)
    assert ours["path"] == other["path"] == environment(shop)["PYTHONPATH"]


@pytest.mark.once
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_of_multiprocessing(shop: Path, method: str) -> None:
    program = f"""
import multiprocessing, warnings
warnings.simplefilter("ignore")

def work():
    {PAY.splitlines()[0]}
    {PAY.splitlines()[1]}
    pay(1)
    tell()

if __name__ == "__main__":
    process = multiprocessing.get_context({method!r}).Process(target=work)
    process.start()
    process.join()
"""
    [told] = run(shop, program, "--operations", "shop.checkout:pay")
    assert told["calls"] == ["pay"]
    assert told["variable"] is False


@pytest.mark.once
@pytest.mark.parametrize(
    "restart",
    [
        "os.execv(sys.executable, [sys.executable, *sys.argv])",
        "sys.exit(subprocess.call([sys.executable, *sys.argv], env=dict(os.environ)))",
    ],
)
def test_a_program_that_starts_itself_anew(shop: Path, restart: str) -> None:
    program = f"""
import os, subprocess, sys
if "AGAIN" not in os.environ:
    os.environ["AGAIN"] = "1"
    {restart}
{PAY}
pay(1)
tell()
"""
    [told] = run(shop, program, "--operations", "shop.checkout:pay")
    assert told["calls"] == ["pay"]
    assert told["variable"] is False


CLIENTS = """
import asyncio
import aiohttp, httpx, requests
from shop.telling import tell

async def fetch(url):
    async with aiohttp.ClientSession() as session:
        await session.post(url)

# Nobody listens there, which is enough for a request.
url = "http://127.0.0.1:PORT/"
for request in (httpx.get, requests.delete, lambda url: asyncio.run(fetch(url))):
    try:
        request(url)
    except Exception:
        pass
tell()
"""


@pytest.mark.once
def test_http_clients(shop: Path) -> None:
    [told] = run(shop, CLIENTS.replace("PORT", str(free_port())))
    calls = told["calls"]
    assert isinstance(calls, list)
    assert [call.partition(" 127.0.0.1:")[0] for call in calls] == ["GET", "DELETE", "POST"]


@pytest.mark.once
def test_another_sitecustomize_is_imported_as_well(shop: Path) -> None:
    (shop / "sitecustomize.py").write_text("import builtins\nbuiltins.customized = True\n")
    [told] = run(
        shop, PAY + "assert customized\npay(1)\ntell()", "--operations", "shop.checkout:pay"
    )
    assert told["calls"] == ["pay"]


APPLICATION = """
from flask import Flask
from shop.checkout import pay

app = Flask(__name__)

@app.get("/pay/<int:amount>")
def handle(amount):
    return str(pay(amount))
"""


def get(port: int, path: str) -> bytes:
    """Return a body; empty if there is no response."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
            return bytes(response.read())
    except OSError:
        return b""


@pytest.mark.once
def test_gunicorn(shop: Path) -> None:
    """The metrics of all workers are served with no variable and no line of code."""
    (shop / "shop" / "web.py").write_text(APPLICATION)
    port, metrics = free_port(), free_port()
    command = [
        *(*VITALSPAN, "run", "--port", str(metrics), "--operations", "shop.checkout:*", "--"),
        *(sys.executable, "-m", "gunicorn", "shop.web:app", "--workers", "2"),
        *("--bind", f"127.0.0.1:{port}", "--log-level", "error"),
    ]
    temporary = shop / "temporary"
    temporary.mkdir()
    environ = environment(shop, TMPDIR=str(temporary))
    process = subprocess.Popen(command, cwd=shop, env=environ)
    calls = b'operation_duration_seconds_count{component="default",operation="pay"} 20'
    requests = b'route="/pay/<int:amount>",status="2xx"} 20'
    try:
        wait_until(lambda: get(port, "/pay/7"), 60)
        for _ in range(19):
            assert get(port, "/pay/7") == b"7"
        wait_until(lambda: calls in get(metrics, "/metrics"), 60)
        wait_until(lambda: requests in get(metrics, "/metrics"), 60)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert [path.name for path in temporary.glob("vitalspan-*")] == []


def test_what_cannot_be_run(shop: Path) -> None:
    def status(*arguments: str, **variables: str) -> tuple[int, str]:
        ended = subprocess.run(
            [*VITALSPAN, "run", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environment(shop, **variables),
        )
        return ended.returncode, ended.stderr

    assert status() == (
        1,
        "vitalspan run: give the program after two dashes: -- COMMAND [ARGUMENT ...]\n",
    )
    assert status("--", "/no/such") == (127, "vitalspan run: /no/such: No such file or directory\n")
    assert status("--", str(shop)) == (126, f"vitalspan run: {shop}: Permission denied\n")
    temporary = shop / "temporary"
    temporary.mkdir()
    assert status("--port", "0", "--", "/no/such", TMPDIR=str(temporary))[0] == 127
    assert list(temporary.iterdir()) == []
    code, said = status("--", "true", VITALSPAN_OPERATIONS="shop.checkout")
    assert code == 1
    assert "VITALSPAN_OPERATIONS: 'shop.checkout' is not a pattern: use module:function" in said
    code, said = status("--instrument", "flusk", "--", "true")
    assert "there is no integration 'flusk': did you mean flask?; or use all or none" in said
    code, said = status("--port", "metrics", "--", "true")
    assert "VITALSPAN_PORT: 'metrics': give a port, or several as in 9464-9473" in said
    assert status("--", "false") == (1, "")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        code, said = status("--port", port, "--", "true")
    assert code == 0
    assert f"vitalspan run: port {port} is taken by another program" in said
