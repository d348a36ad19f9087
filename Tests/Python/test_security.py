"""Tokens and permissions, as a client in another language shows and meets them."""

import hashlib
import signal

import grpc
import pytest
from cairn.v1 import admin_pb2 as admin
from cairn.v1 import admin_pb2_grpc as admin_grpc
from cairn.v1 import key_value_pb2 as kv
from cairn.v1 import key_value_pb2_grpc as kv_grpc
from cairn.v1 import log_pb2 as log
from cairn.v1 import log_pb2_grpc as log_grpc
from cairn.v1 import types_pb2 as types
from conftest import serving, until
from refusals import refusal

Code = grpc.StatusCode


def entry(name, *lines):
    """An entry of the file of tokens, whose token is `secret-NAME`."""
    digest = hashlib.sha256(f"secret-{name}".encode()).hexdigest()
    return "\n".join([f"- name: {name}", f"  hash: {digest}", *(f"  {line}" for line in lines)]) + "\n"


WEB = entry("web", "permissions:", "- {prefix: web/, allow: read-write}", "- {prefix: config/, allow: read}")
ROOT = entry("root", "admin: true")


def token(name):
    return [("authorization", f"Bearer secret-{name}")]


@pytest.fixture
def secured(tmp_path):
    (tmp_path / "tokens.yaml").write_text(WEB + ROOT)
    with serving(tmp_path, "--store", "memory:", "--tokens", "tokens.yaml") as server:
        server.tokens = tmp_path / "tokens.yaml"
        with grpc.insecure_channel(server.address) as channel:
            server.channel = channel
            yield server


def test_a_token_may_do_what_its_permissions_say(secured):
    store = kv_grpc.KeyValueStub(secured.channel)
    store.Set(kv.SetRequest(key=b"config/a", value=b"1"), metadata=token("root"), timeout=30)
    written = store.Set(kv.SetRequest(key=b"web/a", value=b"2"), metadata=token("web"), timeout=30).record
    record = store.Get(kv.GetRequest(key=b"web/a"), metadata=token("web"), timeout=30).record
    assert (record.value, record.updated_ref) == (b"2", written.updated_ref)
    assert store.Get(kv.GetRequest(key=b"config/a"), metadata=token("web"), timeout=30).record.value == b"1"
    error, info = refusal(store.Set, kv.SetRequest(key=b"config/a", value=b"3"), metadata=token("web"))
    assert (error.code(), info.reason) == (Code.PERMISSION_DENIED, "PERMISSION_MISSING")
    assert store.Get(kv.GetRequest(key=b"config/a"), metadata=token("root"), timeout=30).record.value == b"1"


def test_a_refusal_does_not_tell_whether_the_key_exists(secured):
    store = kv_grpc.KeyValueStub(secured.channel)
    store.Set(kv.SetRequest(key=b"other/a", value=b"1"), metadata=token("root"), timeout=30)
    for call, request in [(store.Get, kv.GetRequest), (store.Set, kv.SetRequest)]:
        told = [refusal(call, request(key=key), metadata=token("web")) for key in [b"other/a", b"other/b"]]
        assert {(error.code(), info.reason) for error, info in told} == {(Code.PERMISSION_DENIED, "PERMISSION_MISSING")}
        assert told[0][0].details().replace("other/a", "other/b") == told[1][0].details()


@pytest.mark.parametrize("metadata, reason", [
    ([], "TOKEN_MISSING"), (token("nobody"), "TOKEN_INVALID"), ([("authorization", "Basic d2Vi")], "TOKEN_INVALID"),
    (token("web") + token("root"), "TOKEN_INVALID")])
def test_without_a_token_that_is_known_nothing_is_done(secured, metadata, reason):
    store = kv_grpc.KeyValueStub(secured.channel)
    for call, request in [(store.Get, kv.GetRequest(key=b"web/a")), (store.Set, kv.SetRequest(key=b"web/a")),
                          (log_grpc.LogStub(secured.channel).Watch, log.WatchRequest())]:
        error, info = refusal(call, request, metadata=metadata)
        assert (error.code(), info.reason) == (Code.UNAUTHENTICATED, reason)


def test_a_watch_needs_the_whole_of_its_range(secured):
    stub = log_grpc.LogStub(secured.channel)
    allowed = types.KeyRange(prefix=b"web/")
    watch = stub.Watch(log.WatchRequest(ranges=[allowed]), metadata=token("web"), timeout=30)
    next(watch)
    watch.cancel()
    error, info = refusal(stub.Watch, log.WatchRequest(ranges=[allowed, types.KeyRange()]), metadata=token("web"))
    assert (error.code(), info.reason) == (Code.PERMISSION_DENIED, "PERMISSION_MISSING")


def test_what_is_for_administrators(secured):
    stub = admin_grpc.AdminStub(secured.channel)
    error, info = refusal(stub.SetReadOnly, admin.SetReadOnlyRequest(read_only=True), metadata=token("web"))
    assert (error.code(), info.reason) == (Code.PERMISSION_DENIED, "NOT_ADMIN")
    stub.SetReadOnly(admin.SetReadOnlyRequest(read_only=True), metadata=token("root"), timeout=30)
    store = kv_grpc.KeyValueStub(secured.channel)
    error, info = refusal(store.Set, kv.SetRequest(key=b"web/a", value=b"1"), metadata=token("web"))
    assert (error.code(), info.reason) == (Code.FAILED_PRECONDITION, "READ_ONLY")


def test_a_token_that_was_taken_away_is_refused_on_connections_that_are_open(secured):
    store = kv_grpc.KeyValueStub(secured.channel)
    store.Set(kv.SetRequest(key=b"web/a", value=b"1"), metadata=token("web"), timeout=30)
    secured.tokens.write_text(ROOT)
    secured.process.send_signal(signal.SIGHUP)

    def is_refused():
        try:
            store.Get(kv.GetRequest(key=b"web/a"), metadata=token("web"), timeout=30)
        except grpc.RpcError as error:
            assert error.code() == Code.UNAUTHENTICATED
            return True

    # The signal is heeded a moment later.
    until(is_refused)
    assert store.Get(kv.GetRequest(key=b"web/a"), metadata=token("root"), timeout=30).record.value == b"1"
