"""Traces by OTLP, as a collector made of the official messages receives them."""

import os
import re
import socket
import struct
import subprocess
import time
import urllib.request
from concurrent import futures

import grpc
import pytest
from cairn.v1 import key_value_pb2 as kv
from cairn.v1 import key_value_pb2_grpc as kv_grpc
from cairn.v1 import log_pb2 as log
from cairn.v1 import log_pb2_grpc as log_grpc
from cairn.v1 import snapshots_pb2 as snapshots
from cairn.v1 import snapshots_pb2_grpc as snapshots_grpc
from collectors import Collector, attributes, grpc_collector, http_collector
from conftest import BINARY, Server, serving, until
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{SPAN}-01"
NOT_SAMPLED = f"00-{TRACE}-{SPAN}-00"


COLLECTORS = {"grpc": grpc_collector, "http": http_collector}


def call(stub_method, request, *metadata):
    return stub_method(request, metadata=metadata, timeout=30)


@pytest.mark.parametrize("transport", COLLECTORS)
@pytest.mark.parametrize("store", ["memory:", "sqlite:cairn.db"])
def test_spans_of_calls_and_batches(tmp_path, transport, store):
    with COLLECTORS[transport]() as collector:
        options = ["--store", store, "--trace-to", collector.url, "--trace-service-name", "shop"]
        before = time.time_ns()
        with serving(tmp_path, *options) as server, grpc.insecure_channel(server.address) as channel:
            stub = kv_grpc.KeyValueStub(channel)
            # Without a task, and with one.
            call(stub.Set, kv.SetRequest(key=b"plain", value=b"secret"), ("traceparent", SAMPLED),
                 ("tracestate", "rojo=1"), ("tracestate", "congo=2"))
            call(stub.Set, kv.SetRequest(key=b"named", value=b"secret", client_id="ann"), ("traceparent", SAMPLED))
            call(stub.Get, kv.GetRequest(key=b"plain"))
            with pytest.raises(grpc.RpcError):
                call(stub.Get, kv.GetRequest(key=b"\xff\x00"))
            call(stub.List, kv.ListRequest(), ("traceparent", "00-malformed"))
            plain, named = sorted(collector.wait_for("cairn.v1.KeyValue/Set", 2),
                                  key=lambda span: attributes(span)["cairn.key"], reverse=True)
            found, missing = collector.wait_for("cairn.v1.KeyValue/Get", 2)
            listed, = collector.wait_for("cairn.v1.KeyValue/List")
            batches = collector.wait_for("cairn.batch", 2)
            assert server.stop() == 0
    after = time.time_ns()

    assert attributes(plain) == {
        "rpc.system": "grpc", "rpc.service": "cairn.v1.KeyValue", "rpc.method": "Set", "rpc.grpc.status_code": 0,
        "cairn.key": "plain"}
    assert attributes(named)["cairn.client_id"] == "ann"
    for span in (plain, named):
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN)
        assert span.flags & 0x301 == 0x301, "sampled, and its parent is known to be remote"
        assert span.kind == trace_pb2.Span.SPAN_KIND_SERVER
        assert span.status.code == trace_pb2.Status.STATUS_CODE_UNSET
    assert plain.trace_state == "rojo=1,congo=2" and named.trace_state == ""

    assert attributes(missing)["cairn.key"] == b"\xff\x00" and attributes(missing)["rpc.grpc.status_code"] == 5
    assert missing.status.code == trace_pb2.Status.STATUS_CODE_UNSET, "NOT_FOUND is no failure of the server"
    for span in (found, missing, listed):
        assert span.parent_span_id == b"" and span.trace_id.hex() != TRACE and span.flags & 0x201 == 1

    assert len({span.span_id for span in collector.spans}) == len(collector.spans)
    assert {span.parent_span_id for span in batches} == {plain.span_id, named.span_id}
    for batch in batches:
        assert attributes(batch) == {"cairn.batch.transactions": 1, "cairn.batch.events": 1}
        assert batch.trace_id.hex() == TRACE and batch.kind == trace_pb2.Span.SPAN_KIND_INTERNAL
        assert [link.span_id for link in batch.links] == [batch.parent_span_id]
    for span in collector.spans:
        assert before - 1_000 <= span.start_time_unix_nano <= span.end_time_unix_nano <= after
    for resource in collector.resources:
        assert resource["service.name"] == "shop" and resource["service.version"]
    assert len({resource["service.instance.id"] for resource in collector.resources}) == 1
    # Values never leave the server by this way.
    assert not any(b"secret" in span.SerializeToString() for span in collector.spans)
    if transport == "http":
        path, headers = collector.headers[0]
        assert path == "/v1/traces" and headers["content-type"] == "application/x-protobuf"


def test_writes_that_wait_together_are_one_batch_linked_to_their_calls(tmp_path):
    with grpc_collector() as collector:
        with serving(tmp_path, "--store", "sqlite:cairn.db", "--trace-to", collector.url) as server, \
                grpc.insecure_channel(server.address) as channel:
            stub = kv_grpc.KeyValueStub(channel)
            calls = [stub.Set.future(kv.SetRequest(key=b"k%d" % number, value=b"v"), timeout=30)
                     for number in range(200)]
            for one in calls:
                one.result()
            assert server.stop() == 0
        sets = collector.wait_for("cairn.v1.KeyValue/Set", 200)
        batches = collector.wait_for("cairn.batch")
        assert sum(attributes(batch)["cairn.batch.transactions"] for batch in batches) == 200
        assert sum(attributes(batch)["cairn.batch.events"] for batch in batches) == 200
        linked = [link.span_id for batch in batches for link in batch.links]
        assert sorted(linked) == sorted(span.span_id for span in sets)
        traces = {span.span_id: span.trace_id for span in sets}
        for batch in batches:
            assert batch.trace_id == traces[batch.parent_span_id]
            assert all(traces[link.span_id] == link.trace_id for link in batch.links)


def test_streams_snapshots_failures_and_unknown_methods(tmp_path):
    with grpc_collector() as collector:
        options = ["--store", "memory:", "--snapshot-to", "file:snapshots", "--snapshot-interval", "0s",
                   "--trace-to", collector.url]
        with serving(tmp_path, *options) as server, grpc.insecure_channel(server.address) as channel:
            stub = kv_grpc.KeyValueStub(channel)
            stub.Import(iter([kv.ImportRequest(set=kv.SetOperation(key=b"a", value=b"1"))]), timeout=30)
            watch = log_grpc.LogStub(channel).Watch(log.WatchRequest(), timeout=30)
            next(watch)
            watch.cancel()
            call(snapshots_grpc.SnapshotsStub(channel).Create, snapshots.CreateSnapshotRequest())
            unknown = channel.unary_unary("/cairn.v1.KeyValue/Steal")
            with pytest.raises(grpc.RpcError):
                unknown(b"", timeout=30)
            call(stub.Set, kv.SetRequest(key=b"b", value=b"1"))
            assert server.stop() == 0
        created, = collector.wait_for("cairn.v1.Snapshots/Create")
        asked, last = collector.wait_for("cairn.snapshot", 2)
        assert asked.parent_span_id == created.span_id and attributes(asked)["cairn.snapshot.occasion"] == "request"
        assert last.parent_span_id == b"" and attributes(last)["cairn.snapshot.occasion"] == "shutdown"
        assert attributes(last)["cairn.snapshot.bytes"] > 0
        watched, = collector.wait_for("cairn.v1.Log/Watch")
        assert attributes(watched)["rpc.grpc.status_code"] == 1
        imported, = collector.wait_for("cairn.v1.KeyValue/Import")
        assert imported.span_id in {batch.parent_span_id for batch in collector.wait_for("cairn.batch", 2)}
        stolen, = collector.wait_for("unknown")
        assert stolen.status.code == trace_pb2.Status.STATUS_CODE_ERROR and "rpc.method" not in attributes(stolen)


def test_leases_that_expire_are_a_batch_of_nobody(tmp_path):
    with grpc_collector() as collector:
        with serving(tmp_path, "--store", "memory:", "--trace-to", collector.url) as server, \
                grpc.insecure_channel(server.address) as channel:
            request = kv.SetRequest(key=b"k", value=b"v")
            request.expiry.after_us = 500_000
            call(kv_grpc.KeyValueStub(channel).Set, request)
            written, expired = collector.wait_for("cairn.batch", 2)
            assert server.stop() == 0
        assert attributes(expired)["cairn.batch.transactions"] == 0 and attributes(expired)["cairn.batch.events"] == 1
        assert expired.parent_span_id == b"" and expired.trace_id != written.trace_id and not expired.links


def send_twice(directory, address, method, request):
    """Calls with two `traceparent`, which grpcio makes one of."""
    message = request.SerializeToString()
    body = directory / "body"
    body.write_bytes(b"\0" + struct.pack(">I", len(message)) + message)
    headers = ["content-type: application/grpc", "te: trailers", f"traceparent: {SAMPLED}", f"traceparent: {SAMPLED}"]
    subprocess.run(["curl", "--silent", "--fail", "--http2-prior-knowledge", "--output", os.devnull, "--data-binary",
                    f"@{body}", *(word for header in headers for word in ("--header", header)),
                    f"http://{address}/cairn.v1.KeyValue/{method}"], check=True, timeout=60)


def test_the_callers_flag_goes_before_the_ratio(tmp_path):
    with grpc_collector() as collector:
        # Of calls without a trace none, of the others those that are sampled.
        with serving(tmp_path, "--store", "memory:", "--trace-to", collector.url, "--trace-sample", "0") as server, \
                grpc.insecure_channel(server.address) as channel:
            stub = kv_grpc.KeyValueStub(channel)
            call(stub.Set, kv.SetRequest(key=b"without", value=b"1"))
            call(stub.Set, kv.SetRequest(key=b"not sampled", value=b"1"), ("traceparent", NOT_SAMPLED))
            send_twice(tmp_path, server.address, "Set", kv.SetRequest(key=b"twice", value=b"1"))
            assert call(stub.Get, kv.GetRequest(key=b"twice")).record.version == 1
            call(stub.Set, kv.SetRequest(key=b"yes", value=b"1"), ("traceparent", SAMPLED))
            assert server.stop() == 0
        assert [attributes(span).get("cairn.key") for span in collector.spans if span.name != "cairn.batch"] == ["yes"]
        assert len(collector.spans) == 2
    with grpc_collector() as collector:
        with serving(tmp_path, "--store", "memory:", "--trace-to", collector.url) as server, \
                grpc.insecure_channel(server.address) as channel:
            stub = kv_grpc.KeyValueStub(channel)
            call(stub.Set, kv.SetRequest(key=b"no", value=b"1"), ("traceparent", NOT_SAMPLED))
            call(stub.Set, kv.SetRequest(key=b"yes", value=b"1"))
            assert server.stop() == 0
        assert [attributes(span).get("cairn.key") for span in collector.spans if span.name != "cairn.batch"] == ["yes"]


def metrics(server):
    """What the monitor says, by series."""
    address = next(line.split()[-1] for line in server.process.stdout if line.startswith("monitoring on "))
    def read():
        page = urllib.request.urlopen(f"http://{address}/metrics", timeout=30).read().decode()
        return {key: float(value) for key, value in
                (line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))}
    return read


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_collector_that_is_not_there_harms_nobody_and_gets_what_was_kept_when_it_comes(tmp_path, scheme):
    with socket.socket() as taken:
        # A port that is ours and refuses connections: bound, and not listening.
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with serving(tmp_path, "--store", "memory:", "--trace-to", f"{scheme}://127.0.0.1:{port}",
                     "--monitor", "127.0.0.1:0") as server, grpc.insecure_channel(server.address) as channel:
            read = metrics(server)
            stub = kv_grpc.KeyValueStub(channel)
            for number in range(9_000):
                if number % 500 == 0:
                    calls = []
                calls.append(stub.Get.future(kv.GetRequest(key=b"k%d" % number), timeout=30))
                if number % 500 == 499:
                    assert all(one.code() == grpc.StatusCode.NOT_FOUND for one in calls)
            dropped = 'cairn_trace_spans_dropped_total{reason="full"}'
            assert read()[dropped] == 9_000 - 8_192
            until(lambda: "traces can't be exported" in (tmp_path / "server.log").read_text())
            assert server.stop() == 0
        text = (tmp_path / "server.log").read_text()
        assert text.count("traces can't be exported") == 1
        assert re.search(r"traces lost at the end.* spans=8192", text)


def test_a_collector_that_comes_late_gets_what_was_kept(tmp_path):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        server = Server(tmp_path, "--store", "memory:", "--trace-to", f"grpc://127.0.0.1:{port}")
        try:
            with grpc.insecure_channel(server.address) as channel:
                call(kv_grpc.KeyValueStub(channel).Set, kv.SetRequest(key=b"early", value=b"1"))
            until(lambda: "traces can't be exported" in (tmp_path / "server.log").read_text())
            collector = Collector()

            class Servicer(trace_service_pb2_grpc.TraceServiceServicer):
                def Export(self, request, context):
                    collector.take(request)
                    return trace_service_pb2.ExportTraceServiceResponse()

            late = grpc.server(futures.ThreadPoolExecutor(max_workers=2), options=[("grpc.so_reuseport", 1)])
            trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Servicer(), late)
            assert late.add_insecure_port(f"127.0.0.1:{port}") == port
            late.start()
            assert attributes(collector.wait_for("cairn.v1.KeyValue/Set")[0])["cairn.key"] == "early"
            assert server.stop() == 0
            late.stop(0).wait()
            assert "traces exported again" in (tmp_path / "server.log").read_text()
        finally:
            if server.process.poll() is None:
                server.stop()


def test_a_collector_that_refuses_is_told_of_and_not_asked_again(tmp_path):
    with http_collector(status=400) as collector:
        options = ["--store", "memory:", "--trace-to", collector.url, "--monitor", "127.0.0.1:0"]
        with serving(tmp_path, *options) as server, grpc.insecure_channel(server.address) as channel:
            read = metrics(server)
            call(kv_grpc.KeyValueStub(channel).Set, kv.SetRequest(key=b"k", value=b"1"))
            # The call's span and its batch's.
            until(lambda: read()['cairn_trace_spans_dropped_total{reason="refused"}'] == 2)
            until(lambda: "spans dropped" in (tmp_path / "server.log").read_text())
            assert server.stop() == 0
        assert "HTTP status 400" in (tmp_path / "server.log").read_text()


def test_the_variables_of_opentelemetry(tmp_path, monkeypatch):
    with http_collector() as over_http, grpc_collector() as over_grpc:
        def serve_once(*options):
            with serving(tmp_path, "--store", "memory:", *options) as server, \
                    grpc.insecure_channel(server.address) as channel:
                call(kv_grpc.KeyValueStub(channel).Set, kv.SetRequest(key=b"k", value=b"1"))
                assert server.stop() == 0
            return (tmp_path / "server.log").read_text()

        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", over_http.url + "/base/")
        serve_once()
        over_http.wait_for("cairn.v1.KeyValue/Set")
        assert over_http.headers[0][0] == "/base/v1/traces"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{over_grpc.port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        serve_once()
        assert over_grpc.wait_for("cairn.v1.KeyValue/Set")
        # What the command says goes before.
        count = len(over_http.spans)
        serve_once("--trace-to", over_http.url)
        assert len(over_http.spans) == count + 2
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1")
        assert "OTEL_EXPORTER_OTLP_ENDPOINT is not heeded" in serve_once()


def test_the_command_line_passes_a_trace_on(tmp_path):
    with grpc_collector() as collector:
        with serving(tmp_path, "--store", "memory:", "--trace-to", collector.url) as server:
            def run(*arguments, **environment):
                subprocess.run([BINARY, *arguments], check=True, capture_output=True, timeout=60,
                               env=os.environ | {"CAIRN_ADDRESS": server.address} | environment)
            run("set", "a", "1", TRACEPARENT=SAMPLED, TRACESTATE="rojo=1")
            run("set", "b", "1", TRACEPARENT="00-malformed")
            assert server.stop() == 0
        first, second = collector.wait_for("cairn.v1.KeyValue/Set", 2)
        assert (first.trace_id.hex(), first.parent_span_id.hex(), first.trace_state) == (TRACE, SPAN, "rojo=1")
        assert second.trace_id.hex() != TRACE and second.parent_span_id == b""


@pytest.mark.parametrize("arguments, complaint", [
    (["--trace-to", "https://host:1"], "grpc://HOST:PORT"), (["--trace-to", "grpc://host"], "grpc://HOST:PORT"),
    (["--trace-to", "grpc://host:1/path"], "grpc://HOST:PORT"), (["--trace-to", "host:1"], "grpc://HOST:PORT"),
    (["--trace-sample", "1.5"], "from 0 to 1"), (["--trace-sample", "some"], "from 0 to 1")])
def test_wrong_settings_are_refused(arguments, complaint):
    run = subprocess.run([BINARY, "config", "check", *arguments], capture_output=True, text=True, timeout=60)
    assert run.returncode != 0 and complaint in run.stderr
