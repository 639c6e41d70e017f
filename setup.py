"""Builds the native codec where there is a compiler; elsewhere the reference codec does the work.

Everything else about the package stands in pyproject.toml and setup.cfg.
"""

from pathlib import Path

from setuptools import Extension, setup

CODEC = Path("streamx/codec")

try:
    from Cython.Build import cythonize
except ImportError:
    extensions = []
else:
    native = Extension(
        "streamx.codec._native",
        [str(CODEC / "_native.pyx"), *map(str, sorted(CODEC.glob("native/*.c")))],
        depends=[str(path) for path in CODEC.glob("native/*.h")],
        extra_compile_args=["-O3", "-g0", "-std=c11"],
    )
    extensions = cythonize([native])
    for extension in extensions:
        extension.optional = True

setup(ext_modules=extensions)
