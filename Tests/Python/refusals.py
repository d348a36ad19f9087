"""What a refused call tells."""

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status


def refusal(call, *arguments, **options):
    """The error of a call, and the ErrorInfo in its details."""
    with pytest.raises(grpc.RpcError) as refused:
        response = call(*arguments, timeout=30, **options)
        list(response)
    status = rpc_status.from_call(refused.value)
    assert status is not None, refused.value
    assert status.code == refused.value.code().value[0] and status.message == refused.value.details()
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "cairn"
    return refused.value, info
