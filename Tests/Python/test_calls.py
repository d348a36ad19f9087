"""Every kind of RPC, with what calls carry: deadlines, cancellation, metadata, compression, large messages."""

import queue
import threading
import time

import grpc
import pytest
from cairn.v1 import inspection_pb2 as inspection
from cairn.v1 import inspection_pb2_grpc as inspection_grpc
from cairn.v1 import key_value_pb2 as kv
from cairn.v1 import key_value_pb2_grpc as kv_grpc
from cairn.v1 import leases_pb2 as leases
from cairn.v1 import leases_pb2_grpc as leases_grpc
from cairn.v1 import log_pb2 as log
from cairn.v1 import log_pb2_grpc as log_grpc
from cairn.v1 import maintenance_pb2 as maintenance
from cairn.v1 import maintenance_pb2_grpc as maintenance_grpc
from cairn.v1 import types_pb2 as types

TIMEOUT = 30


def set_many(store, prefix, count):
    """Sets `prefix0`, `prefix1`, …; the refs."""
    sets = (kv.SetRequest(key=prefix + b"%d" % n, value=b"x") for n in range(count))
    return [store.Set(request, timeout=TIMEOUT).record.updated_ref for request in sets]


class Requests:
    """A stream of requests that a test feeds as it goes."""

    def __init__(self):
        self.queue = queue.Queue()

    def send(self, request):
        self.queue.put(request)

    def end(self):
        self.queue.put(None)

    def __iter__(self):
        return iter(self.queue.get, None)


def key_range(prefix):
    return types.KeyRange(prefix=prefix)


def head(channel):
    return maintenance_grpc.MaintenanceStub(channel).Status(maintenance.StatusRequest(), timeout=TIMEOUT).head_ref


def test_unary(channel):
    store = kv_grpc.KeyValueStub(channel)
    written = store.Set(kv.SetRequest(key=b"unary/a", value=b"1", client_id="python"), timeout=TIMEOUT).record
    assert written.version == 1 and written.updated_ref == written.created_ref > 0
    record = store.Get(kv.GetRequest(key=b"unary/a"), timeout=TIMEOUT).record
    assert (record.key, record.value, record.version) == (b"unary/a", b"1", 1)
    page = store.List(kv.ListRequest(range=key_range(b"unary/")), timeout=TIMEOUT)
    assert [entry.record.key for entry in page.entries] == [b"unary/a"]
    gone = store.Delete(kv.DeleteRequest(key=b"unary/a"), timeout=TIMEOUT).record
    assert gone.version == 2 and gone.deleted_ref == written.updated_ref + 1


def test_content_type(channel):
    store = kv_grpc.KeyValueStub(channel)
    store.Set(kv.SetRequest(key=b"typed/a", value=b"{}", content_type="application/json"), timeout=TIMEOUT)
    record = store.Get(kv.GetRequest(key=b"typed/a"), timeout=TIMEOUT).record
    assert (record.value, record.content_type, record.value_kind) == (b"{}", "application/json", types.VALUE_KIND_BYTES)
    page = store.List(kv.ListRequest(range=key_range(b"typed/")), timeout=TIMEOUT)
    assert [entry.record.content_type for entry in page.entries] == ["application/json"]
    typed = types.Condition(key=b"typed/a", value=b"{}", content_type="application/json")
    committed = store.Commit(kv.CommitRequest(conditions=[typed], operations=[kv.Operation(
        set=kv.SetOperation(key=b"typed/b", value=b"<p>", content_type="text/html"))]), timeout=TIMEOUT)
    assert committed.succeeded
    watch = log_grpc.LogStub(channel).Watch(
        log.WatchRequest(ranges=[key_range(b"typed/")], from_ref=1, until_head=True), timeout=TIMEOUT)
    events = [event for response in watch for event in response.events]
    told = [(event.value, event.content_type) for event in events]
    assert told == [(b"{}", "application/json"), (b"<p>", "text/html")]
    found = inspection_grpc.InspectionStub(channel).Inspect(inspection.InspectRequest(key=b"typed/b"), timeout=TIMEOUT)
    assert (found.content_type, found.content_type_given, found.size) == ("text/html", True, 3)
    store.Set(kv.SetRequest(key=b"typed/a", value=b"{}"), timeout=TIMEOUT)
    assert store.Get(kv.GetRequest(key=b"typed/a"), timeout=TIMEOUT).record.content_type == ""
    untyped = store.Commit(kv.CommitRequest(conditions=[typed]), timeout=TIMEOUT)
    assert not untyped.succeeded
    for wrong in ["html", "text/html\n", "a/" + "b" * 128, "a/b;c=" + "d" * 250]:
        with pytest.raises(grpc.RpcError) as refused:
            store.Set(kv.SetRequest(key=b"typed/a", value=b"1", content_type=wrong), timeout=TIMEOUT)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError) as refused:
        store.Set(kv.SetRequest(key=b"typed/a", value=b"\x03a", value_kind=1), timeout=TIMEOUT)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    sets = [kv.ImportRequest(set=kv.SetOperation(key=b"typed/c", value=b"1", content_type=t)) for t in ("a/b", "a/c")]
    assert store.Import(iter(sets), timeout=TIMEOUT).count == 2
    assert store.Get(kv.GetRequest(key=b"typed/c"), timeout=TIMEOUT).record.content_type == "a/c"


def test_transaction(channel):
    store = kv_grpc.KeyValueStub(channel)
    request = kv.CommitRequest(
        conditions=[types.Condition(key=b"txn/a", exists=False)],
        operations=[
            kv.Operation(set=kv.SetOperation(key=b"txn/a", value=b"1")),
            kv.Operation(set=kv.SetOperation(key=b"txn/b", value=b"2")),
            kv.Operation(get=b"txn/a"),
        ],
        otherwise=[kv.Operation(get=b"txn/b")])
    first = store.Commit(request, timeout=TIMEOUT)
    assert first.succeeded and first.ref == first.results[1].written.updated_ref
    assert first.results[2].read.record.value == b"1"
    second = store.Commit(request, timeout=TIMEOUT)
    assert not second.succeeded and second.failed_condition.version == 1
    assert second.results[0].read.record.value == b"2" and second.ref == first.ref


def test_request_id_happens_once(channel):
    store = kv_grpc.KeyValueStub(channel)
    request = kv.SetRequest(key=b"once", value=b"1", request_id=bytes(range(16)))
    assert store.Set(request, timeout=TIMEOUT).record == store.Set(request, timeout=TIMEOUT).record
    assert store.Get(kv.GetRequest(key=b"once"), timeout=TIMEOUT).record.version == 1


def test_server_stream(channel):
    store = kv_grpc.KeyValueStub(channel)
    stream = log_grpc.LogStub(channel).Watch(log.WatchRequest(ranges=[key_range(b"watched/")]))
    opened = next(stream)
    assert opened.opened_at_ref == head(channel)
    refs = set_many(store, b"watched/", 5)
    seen = []
    for response in stream:
        seen += [event.ref for event in response.events]
        if len(seen) == 5:
            break
    assert seen == refs
    stream.cancel()
    with pytest.raises(grpc.RpcError) as ended:
        list(stream)
    assert ended.value.code() == grpc.StatusCode.CANCELLED
    past = log_grpc.LogStub(channel).Watch(
        log.WatchRequest(ranges=[key_range(b"watched/")], from_ref=refs[2], until_head=True), timeout=TIMEOUT)
    assert [event.ref for response in past for event in response.events] == refs[2:]
    assert past.code() == grpc.StatusCode.OK


def test_client_stream(channel):
    store = kv_grpc.KeyValueStub(channel)
    before = head(channel)
    sets = (kv.ImportRequest(set=kv.SetOperation(key=b"import/%04d" % n, value=b"x" * 100)) for n in range(3_000))
    response = store.Import(sets, timeout=TIMEOUT)
    assert response.count == 3_000 and response.ref == before + 3_000
    page = store.List(kv.ListRequest(range=key_range(b"import/"), keys_only=True), timeout=TIMEOUT)
    assert len(page.entries) == 3_000 and not page.next_page
    assert store.Import(iter([]), timeout=TIMEOUT).count == 0


def test_bidirectional_consume(channel):
    store = kv_grpc.KeyValueStub(channel)
    refs = set_many(store, b"consumed/", 3)
    consumers = log_grpc.ConsumersStub(channel)
    requests = Requests()
    requests.send(log.ConsumeRequest(name="python", range=key_range(b"consumed/")))
    stream = consumers.Consume(iter(requests))
    seen = []
    for response in stream:
        seen += [event.ref for event in response.events]
        if len(seen) == 3:
            break
    assert seen == refs
    requests.send(log.ConsumeRequest(acknowledge_ref=refs[1]))
    requests.end()
    list(stream)
    assert stream.code() == grpc.StatusCode.OK
    assert consumers.Get(log.GetConsumerRequest(name="python"), timeout=TIMEOUT).consumer.cursor == refs[1]
    again = Requests()
    again.send(log.ConsumeRequest(name="python", range=key_range(b"consumed/")))
    stream = consumers.Consume(iter(again))
    assert next(event.ref for response in stream for event in response.events) == refs[2]
    stream.cancel()


def test_bidirectional_keep_alive(channel):
    stub = leases_grpc.LeasesStub(channel)
    lease = stub.Grant(leases.GrantLeaseRequest(duration_us=3_600_000_000), timeout=TIMEOUT).lease
    requests = Requests()
    stream = stub.KeepAliveStream(iter(requests))
    for _ in range(3):
        requests.send(leases.KeepAliveRequest(id=lease.id))
        assert next(stream).lease.deadline_us >= lease.deadline_us
    requests.send(leases.KeepAliveRequest(id=999_999_999))
    with pytest.raises(grpc.RpcError) as ended:
        next(stream)
    assert ended.value.code() == grpc.StatusCode.NOT_FOUND
    stub.Expire(leases.ExpireLeaseRequest(id=lease.id), timeout=TIMEOUT)


def test_deadline(channel):
    stream = log_grpc.LogStub(channel).Watch(log.WatchRequest(ranges=[key_range(b"deadline/")]), timeout=0.3)
    with pytest.raises(grpc.RpcError) as ended:
        for _ in stream:
            pass
    assert ended.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_cancellation_of_a_call_in_another_thread(channel):
    stream = log_grpc.LogStub(channel).Watch(log.WatchRequest(ranges=[key_range(b"cancelled/")]))
    next(stream)
    threading.Thread(target=stream.cancel).start()
    with pytest.raises(grpc.RpcError) as ended:
        for _ in stream:
            pass
    assert ended.value.code() == grpc.StatusCode.CANCELLED
    # The server still answers on the same connection.
    assert head(channel) >= 0


def test_metadata(channel):
    status = maintenance_grpc.MaintenanceStub(channel).Status
    metadata = [("x-request", "1"), ("x-request", "2"), ("x-trace-bin", bytes(range(256)))]
    response, call = status.with_call(maintenance.StatusRequest(), timeout=TIMEOUT, metadata=metadata)
    assert response.server_version
    assert call.code() == grpc.StatusCode.OK
    assert call.initial_metadata() is not None and call.trailing_metadata() is not None


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_large_messages(channel, compression):
    store = kv_grpc.KeyValueStub(channel)
    value = bytes(range(256)) * (4 << 12)
    assert len(value) == 4 << 20
    store.Set(kv.SetRequest(key=b"large", value=value), timeout=TIMEOUT, compression=compression)
    assert store.Get(kv.GetRequest(key=b"large"), timeout=TIMEOUT, compression=compression).record.value == value
    with pytest.raises(grpc.RpcError) as refused:
        store.Set(kv.SetRequest(key=b"large", value=value + b"x"), timeout=TIMEOUT, compression=compression)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_gzip_through_every_kind(channel):
    store = kv_grpc.KeyValueStub(channel)
    gzip = grpc.Compression.Gzip
    sets = (kv.ImportRequest(set=kv.SetOperation(key=b"gzip/%d" % n, value=b"z" * 5_000)) for n in range(20))
    assert store.Import(sets, timeout=TIMEOUT, compression=gzip).count == 20
    stream = log_grpc.LogStub(channel).Watch(
        log.WatchRequest(ranges=[key_range(b"gzip/")], from_ref=0, until_head=True), timeout=TIMEOUT, compression=gzip)
    assert sum(len(response.events) for response in stream) == 20


def test_backup(server, channel, tmp_path):
    stream = maintenance_grpc.MaintenanceStub(channel).Backup(maintenance.BackupRequest(), timeout=TIMEOUT)
    if not server.is_durable:
        with pytest.raises(grpc.RpcError) as refused:
            next(stream)
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
        return
    pieces = list(stream)
    data = b"".join(piece.data for piece in pieces)
    assert len(data) == pieces[0].total_bytes and data.startswith(b"SQLite format 3\0")


def test_many_calls_at_once(channel):
    store = kv_grpc.KeyValueStub(channel)
    started = time.monotonic()
    calls = [store.Set.future(kv.SetRequest(key=b"many/%d" % n, value=b"x"), timeout=TIMEOUT) for n in range(500)]
    refs = {call.result().record.updated_ref for call in calls}
    assert len(refs) == 500, f"after {time.monotonic() - started:.1f} s"
