"""Builds the native codec where there is a compiler; elsewhere the reference codec does the work.

Everything else about the package stands in pyproject.toml and setup.cfg.
"""

from pathlib import Path

from setuptools import Extension, setup

KERNEL = sorted(map(str, Path("streamx/codec/native").glob("*.c")))
HEADERS = sorted(map(str, Path("streamx/codec/native").glob("*.h")))
# The kernel is a part of the first module, through which the others call it.
MODULES = {
    "streamx/codec/_native": KERNEL,
    "streamx/codec/_native_records": [],
    "streamx/codec/_native_encode": [],
    "streamx/transform/_native_calls": [],
}

try:
    from Cython.Build import cythonize
except ImportError:
    extensions = []
else:
    extensions = cythonize(
        [
            Extension(
                path.replace("/", "."),
                [f"{path}.pyx", *sources],
                depends=HEADERS,
                extra_compile_args=["-O3", "-g0", "-std=c11"],
            )
            for path, sources in MODULES.items()
        ]
    )
    for extension in extensions:
        extension.optional = True

setup(ext_modules=extensions)
