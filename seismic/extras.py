"""Which extra of this distribution brings a package."""

from collections.abc import Iterator
from contextlib import contextmanager

EXTRAS = {
    "client": ("httpx2", "tenacity"),
    "convert": ("onnx", "safetensors"),
    "evaluate": ("ir_datasets", "ir_measures"),
    "haystack": ("haystack",),
    "hdf5": ("h5py",),
    "langchain": ("langchain_core",),
    "llamaindex": ("llama_index",),
    "mcp": ("mcp",),
    "mteb": ("mteb",),
    "pdf": ("pypdf",),
    "plots": ("matplotlib",),
    "pyterrier": ("pyterrier",),
    "ray": ("ray",),
    "scipy": ("scipy",),
    "server": (
        *("fastapi", "fastapi_offline", "httptools", "prometheus_client", "pydantic_settings", "structlog"),
        *("uvicorn", "uvloop"),
    ),
    "text": ("onnxruntime", "Stemmer", "tokenizers"),
    "tracing": ("opentelemetry",),
}
"""The modules that each extra brings."""


def explain(error: ImportError) -> str | None:
    """Return one line on a module that is missing because its extra is not installed; None for any other error."""
    if "of the extra `" in str(error):
        return str(error)
    module = (error.name or "").partition(".")[0]
    extra = next((extra for extra, modules in EXTRAS.items() if module in modules), None)
    if extra is None:
        return None
    return f"this needs the package {module} of the extra `{extra}`: pip install 'seismic-search[{extra}]' ({error})"


@contextmanager
def hinted() -> Iterator[None]:
    """Name the extra in an ImportError of the block."""
    try:
        yield
    except ImportError as error:
        if (problem := explain(error)) is None:
            raise
        raise ImportError(problem, name=error.name, path=error.path) from None
