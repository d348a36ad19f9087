"""The pages of profiles on the monitor's address."""

import contextlib
import json
import subprocess
import urllib.error
import urllib.request

import pytest
from conftest import BINARY, serving


def get(url):
    """The status, type and text of a page."""
    try:
        with urllib.request.urlopen(url, timeout=90) as answer:
            return answer.status, answer.headers["content-type"], answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers["content-type"], refusal.read().decode()


@contextlib.contextmanager
def monitored(directory, *options):
    with serving(directory, "--store", "sqlite:cairn.db", "--monitor", "127.0.0.1:0", *options) as server:
        server.monitor = next(line.split()[-1] for line in server.process.stdout if line.startswith("monitoring on "))
        yield server


@pytest.fixture(scope="module")
def profiled(tmp_path_factory):
    with monitored(tmp_path_factory.mktemp("profiled"), "--profiling") as server:
        yield server


def test_off_unless_asked_for(tmp_path):
    with monitored(tmp_path) as server:
        for page in ["threads", "memory", "profile", "profile?seconds=5"]:
            status, _, text = get(f"http://{server.monitor}/debug/{page}")
            assert status == 404 and "--profiling" in text
        assert get(f"http://{server.monitor}/livez")[0] == 200
    run = subprocess.run([BINARY, "config", "check", "--profiling"], capture_output=True, text=True, timeout=60)
    assert run.returncode != 0 and "--monitor" in run.stderr


def test_threads(profiled):
    # Writes have a thread of their own, while there are any.
    subprocess.run([BINARY, "set", "--address", profiled.address, "k", "v"], check=True, capture_output=True)
    status, kind, text = get(f"http://{profiled.monitor}/debug/threads")
    assert (status, kind) == (200, "application/json")
    threads = json.loads(text)
    assert "cairn-commit" in {thread["name"] for thread in threads}
    assert profiled.process.pid in {thread["id"] for thread in threads}
    assert sum(thread["userSeconds"] + thread["systemSeconds"] for thread in threads) >= 0
    assert all(thread["state"] for thread in threads)


def test_memory(profiled):
    status, kind, text = get(f"http://{profiled.monitor}/debug/memory")
    assert (status, kind) == (200, "application/json")
    memory = json.loads(text)
    process, allocator = memory["process"], memory["allocator"]
    assert process["virtual"] > process["resident"] > 1 << 20
    assert process["residentPeak"] >= process["anonymous"] > 0
    assert 0 < allocator["inUse"] <= allocator["arenas"]


def test_a_profile_tells_who_is_busy_and_holds_nobody_up(profiled):
    # The server is busy with a load for longer than the profile takes, and answers other pages meanwhile.
    url = f"http://{profiled.monitor}/debug/profile?seconds=2"
    load = subprocess.Popen([BINARY, "bench", "--address", profiled.address, "--workloads", "put", "--clients", "8",
                             "--duration", "6s", "--rounds", "1", "--keys", "100"], stdout=subprocess.DEVNULL)
    try:
        profiling = subprocess.Popen(["curl", "--silent", url], stdout=subprocess.PIPE, text=True)
        assert get(f"http://{profiled.monitor}/livez")[0] == 200
        assert profiling.poll() is None, "it takes two seconds, and the other page was answered before"
        profile = json.loads(profiling.communicate(timeout=90)[0])
    finally:
        load.terminate()
        load.wait()
    assert profile["seconds"] == 2 and profile["cpuSeconds"] > 0
    shares = [thread["percent"] for thread in profile["threads"]]
    assert shares == sorted(shares, reverse=True) and shares[0] > 0


@pytest.mark.parametrize("query", ["seconds=0", "seconds=61", "seconds=-1", "seconds=x", "seconds=", "seconds=1.5"])
def test_bad_parameters(profiled, query):
    status, _, text = get(f"http://{profiled.monitor}/debug/profile?{query}")
    assert status == 400 and "1 to 60" in text


def test_other_pages_and_methods(profiled):
    assert get(f"http://{profiled.monitor}/debug/heap")[0] == 404
    request = urllib.request.Request(f"http://{profiled.monitor}/debug/threads", data=b"x")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == 405
