"""Collectors of traces, made of the official messages, for the tests of traces."""

import contextlib
import http.server
import threading
from concurrent import futures

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


class Collector:
    """Keeps the spans that are exported to it, and the resources that they came with."""

    def __init__(self):
        self.arrived = threading.Condition()
        self.spans = []
        self.resources = []
        self.headers = []

    def take(self, request):
        with self.arrived:
            for resource_spans in request.resource_spans:
                self.resources.append(attributes(resource_spans.resource))
                for scope_spans in resource_spans.scope_spans:
                    assert scope_spans.scope.name == "cairn"
                    self.spans.extend(scope_spans.spans)
            self.arrived.notify_all()

    def wait_for(self, name, count=1, seconds=60):
        """The spans of that name, once there are as many."""
        def found():
            return [span for span in self.spans if span.name == name]
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(found()) >= count, seconds), \
                f"{count} of {name}; there are {[span.name for span in self.spans]}"
            return found()


def attributes(holder):
    """A span's or resource's attributes as a dictionary."""
    found = {}
    for attribute in holder.attributes:
        kind = attribute.value.WhichOneof("value")
        found[attribute.key] = getattr(attribute.value, kind)
    return found


@contextlib.contextmanager
def grpc_collector():
    collector = Collector()

    class Servicer(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request, context):
            collector.take(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Servicer(), server)
    collector.port = server.add_insecure_port("127.0.0.1:0")
    collector.url = f"grpc://127.0.0.1:{collector.port}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(0).wait()


@contextlib.contextmanager
def http_collector(status=200):
    collector = Collector()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.headers.append((self.path, dict(self.headers)))
            if status == 200:
                collector.take(trace_service_pb2.ExportTraceServiceRequest.FromString(body))
            answer = trace_service_pb2.ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.port = server.server_address[1]
    collector.url = f"http://127.0.0.1:{collector.port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
