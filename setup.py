"""Builds the native codec where there is a compiler; elsewhere the reference codec does the work.

Everything else about the package stands in pyproject.toml and setup.cfg.
"""

import logging
import os
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

KERNEL = sorted(map(str, Path("streamx/codec/native").glob("*.c")))
HEADERS = sorted(map(str, Path("streamx/codec/native").glob("*.h")))
# The kernel is a part of the first module, through which the others call it.
MODULES = {
    "streamx/codec/_native": KERNEL,
    "streamx/codec/_native_records": [],
    "streamx/codec/_native_encode": [],
    "streamx/transform/_native_calls": [],
}


class AllOrNone(build_ext):
    """Builds all of the modules or none, since each needs the others."""

    def build_extensions(self) -> None:
        """Build them; where one cannot be built, leave the work to the reference codec."""
        self.parallel = os.cpu_count()
        try:
            super().build_extensions()
        except (BaseError, CCompilerError) as error:
            logging.warning("the native codec is not built: %s", error)
            for extension in self.extensions:
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            self.extensions.clear()


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

setup(ext_modules=extensions, cmdclass={"build_ext": AllOrNone})
