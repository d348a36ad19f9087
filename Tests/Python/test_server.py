"""Health, reflection, TLS, a server that stops, and h2load's load."""

import shutil
import struct
import subprocess

import grpc
import pytest
from cairn.v1 import key_value_pb2 as kv
from cairn.v1 import key_value_pb2_grpc as kv_grpc
from cairn.v1 import log_pb2 as log
from cairn.v1 import log_pb2_grpc as log_grpc
from conftest import serving
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SERVICES = [
    "cairn.v1.Consumers",
    "cairn.v1.KeyValue",
    "cairn.v1.Leases",
    "cairn.v1.Log",
    "cairn.v1.Maintenance",
    "cairn.v1.Snapshots",
]


def test_health(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ["", *SERVICES]:
        response = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=30)
        assert response.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as refused:
        stub.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=30)
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND


def test_health_watch_tells_of_the_end(tmp_path):
    with serving(tmp_path, "--store", "memory:") as server, grpc.insecure_channel(server.address) as channel:
        stream = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(stream).status == health_pb2.HealthCheckResponse.SERVING
        watch = log_grpc.LogStub(channel).Watch(log.WatchRequest())
        next(watch)
        assert server.stop() == 0
        statuses = []
        with pytest.raises(grpc.RpcError):
            for response in watch:
                pass
        try:
            statuses = [response.status for response in stream]
        except grpc.RpcError:
            pass
        assert statuses in ([health_pb2.HealthCheckResponse.NOT_SERVING], [])
        assert watch.code() == grpc.StatusCode.UNAVAILABLE


def test_reflection(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    services = database.get_services()
    assert set(SERVICES) <= set(services)
    pool = DescriptorPool(database)
    methods = set()
    for name in services:
        service = pool.FindServiceByName(name)
        methods |= {method.full_name for method in service.methods}
        descriptor_pb2.ServiceDescriptorProto.FromString(_bytes_of(service))
    assert {"cairn.v1.KeyValue.Import", "cairn.v1.Consumers.Consume", "cairn.v1.Log.Watch"} <= methods
    assert pool.FindMessageTypeByName("cairn.v1.Record").fields_by_name["created_ref"].number == 6


def _bytes_of(service):
    proto = descriptor_pb2.ServiceDescriptorProto()
    service.CopyToProto(proto)
    return proto.SerializeToString()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority, a certificate for 127.0.0.1 and one for a client, made for this run."""
    directory = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority",
            "-keyout", "ca.key", "-out", "ca.pem")
    extensions = {"server": "subjectAltName=IP:127.0.0.1,DNS:localhost", "client": "extendedKeyUsage=clientAuth"}
    for name, extension in extensions.items():
        (directory / f"{name}.ext").write_text(extension)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    return {path.name: path for path in directory.iterdir()}


def _set_over_tls(address, certificates, with_client_certificate):
    def read(name):
        return certificates[name].read_bytes()

    own = (read("client.key"), read("client.pem")) if with_client_certificate else (None, None)
    credentials = grpc.ssl_channel_credentials(read("ca.pem"), *own)
    with grpc.secure_channel(address, credentials) as channel:
        return kv_grpc.KeyValueStub(channel).Set(kv.SetRequest(key=b"tls", value=b"1"), timeout=30).record.version


def test_tls(tmp_path, certificates):
    options = ["--tls-cert", str(certificates["server.pem"]), "--tls-key", str(certificates["server.key"])]
    with serving(tmp_path, "--store", "memory:", *options) as server:
        assert _set_over_tls(server.address, certificates, with_client_certificate=False) == 1
        with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError) as refused:
            kv_grpc.KeyValueStub(channel).Get(kv.GetRequest(key=b"tls"), timeout=30)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def test_mutual_tls(tmp_path, certificates):
    options = ["--tls-cert", str(certificates["server.pem"]), "--tls-key", str(certificates["server.key"]),
               "--tls-client-ca", str(certificates["ca.pem"])]
    with serving(tmp_path, "--store", "memory:", *options) as server:
        assert _set_over_tls(server.address, certificates, with_client_certificate=True) == 1
        with pytest.raises(grpc.RpcError) as refused:
            _set_over_tls(server.address, certificates, with_client_certificate=False)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


@pytest.mark.skipif(shutil.which("h2load") is None, reason="needs h2load (Debian: nghttp2-client)")
@pytest.mark.parametrize("method, request_message", [
    ("Get", kv.GetRequest(key=b"loaded")), ("Set", kv.SetRequest(key=b"loaded", value=b"v" * 100))])
def test_h2load(server, channel, tmp_path, method, request_message):
    kv_grpc.KeyValueStub(channel).Set(kv.SetRequest(key=b"loaded", value=b"1"), timeout=30)
    message = request_message.SerializeToString()
    body = tmp_path / "body"
    body.write_bytes(b"\0" + struct.pack(">I", len(message)) + message)
    count = 5_000
    before = kv_grpc.KeyValueStub(channel).Get(kv.GetRequest(key=b"loaded"), timeout=30).record.version
    run = subprocess.run(
        ["h2load", "-n", str(count), "-c", "8", "-m", "16", "-t", "1", "-d", body,
         "-H", "content-type: application/grpc", "-H", "te: trailers",
         f"http://{server.address}/cairn.v1.KeyValue/{method}"],
        capture_output=True, text=True, timeout=110)
    counts = f"{count} total, {count} started, {count} done, {count} succeeded, 0 failed, 0 errored, 0 timeout"
    assert counts in run.stdout, run.stdout + run.stderr
    # h2load doesn't look at grpc-status, so the store is asked what came of it.
    after = kv_grpc.KeyValueStub(channel).Get(kv.GetRequest(key=b"loaded"), timeout=30).record.version
    assert after == (before + count if method == "Set" else before)
