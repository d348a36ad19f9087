"""What a caller is told: a status, a sentence, and machine-readable details."""

import grpc
import pytest
from cairn.v1 import key_value_pb2 as kv
from cairn.v1 import key_value_pb2_grpc as kv_grpc
from cairn.v1 import leases_pb2 as leases
from cairn.v1 import leases_pb2_grpc as leases_grpc
from cairn.v1 import log_pb2 as log
from cairn.v1 import log_pb2_grpc as log_grpc
from cairn.v1 import types_pb2 as types
from refusals import refusal

Code = grpc.StatusCode


def test_key_not_found(channel):
    error, info = refusal(kv_grpc.KeyValueStub(channel).Get, kv.GetRequest(key=b"errors/none"))
    assert (error.code(), info.reason) == (Code.NOT_FOUND, "KEY_NOT_FOUND")
    assert info.metadata["key"] == "errors/none" and "errors/none" in error.details()


def test_key_that_is_no_text(channel):
    _, info = refusal(kv_grpc.KeyValueStub(channel).Get, kv.GetRequest(key=b"\xff\x00"))
    assert info.metadata["key_base64"] == "/wA=" and "key" not in info.metadata


def test_condition_failed(channel):
    store = kv_grpc.KeyValueStub(channel)
    ref = store.Set(kv.SetRequest(key=b"errors/held", value=b"1"), timeout=30).record.updated_ref
    error, info = refusal(
        store.Set, kv.SetRequest(key=b"errors/held", value=b"2", conditions=[types.Condition(exists=False)]))
    assert (error.code(), info.reason) == (Code.FAILED_PRECONDITION, "CONDITION_FAILED")
    assert (info.metadata["version"], info.metadata["updated_ref"]) == ("1", str(ref))


@pytest.mark.parametrize("key", [b"", b"k" * 1025])
def test_invalid_key(channel, key):
    error, info = refusal(kv_grpc.KeyValueStub(channel).Set, kv.SetRequest(key=key, value=b"1"))
    assert (error.code(), info.reason) == (Code.INVALID_ARGUMENT, "INVALID_KEY")


def test_leases(channel):
    stub = leases_grpc.LeasesStub(channel)
    for call in [stub.Show, stub.KeepAlive, stub.Expire]:
        request = {stub.Show: leases.ShowLeaseRequest, stub.KeepAlive: leases.KeepAliveRequest,
                   stub.Expire: leases.ExpireLeaseRequest}[call](id=123_456_789)
        error, info = refusal(call, request)
        assert (error.code(), info.reason) == (Code.NOT_FOUND, "LEASE_NOT_FOUND")
    taken = leases.GrantLeaseRequest(id=(1 << 48) + 5)
    stub.Grant(taken, timeout=30)
    error, info = refusal(stub.Grant, taken)
    assert (error.code(), info.reason) == (Code.ALREADY_EXISTS, "LEASE_EXISTS")


def test_refs(channel):
    watch = log_grpc.LogStub(channel).Watch
    error, info = refusal(watch, log.WatchRequest(from_ref=-1))
    assert (error.code(), info.reason) == (Code.INVALID_ARGUMENT, "INVALID_REF")
    error, info = refusal(watch, log.WatchRequest(from_ref=1 << 60))
    assert (error.code(), info.reason) == (Code.OUT_OF_RANGE, "FUTURE_REF")
    assert info.metadata["ref"] == str(1 << 60) and int(info.metadata["head_ref"]) >= 0


def test_unknown_consumer(channel):
    error, info = refusal(log_grpc.ConsumersStub(channel).Get, log.GetConsumerRequest(name="nobody"))
    assert (error.code(), info.reason) == (Code.NOT_FOUND, "CONSUMER_NOT_FOUND")


@pytest.mark.parametrize(
    "method, code", [("/cairn.v1.KeyValue/Rename", Code.UNIMPLEMENTED), ("/nobody.v1.Service/Get", Code.UNIMPLEMENTED)])
def test_unknown_method(channel, method, code):
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(method)(b"", timeout=30)
    assert refused.value.code() == code


def test_malformed_message(channel):
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/cairn.v1.KeyValue/Get")(b"\xff\xff\xff", timeout=30)
    assert refused.value.code() in (Code.INVALID_ARGUMENT, Code.INTERNAL)
    with pytest.raises(grpc.RpcError) as refused:
        # Field 8 of SetRequest, client_id, is text; these two bytes are no UTF-8.
        channel.unary_unary("/cairn.v1.KeyValue/Set")(b"\x0a\x01a\x42\x02\xff\xfe", timeout=30)
    assert refused.value.code() in (Code.INVALID_ARGUMENT, Code.INTERNAL)
    assert kv_grpc.KeyValueStub(channel).List(kv.ListRequest(limit=1), timeout=30) is not None
