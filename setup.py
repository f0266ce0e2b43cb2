"""Puts the workflow's files into the wheel, as pagewave/project; all else is in pyproject.toml."""

import shutil
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
FILES = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pagewave"]


class BuildWithWorkflow(build_py):
    """Copies them beside the package's modules; a checkout that is installed as it is has them."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        inside = Path(self.build_lib, "pagewave", "project")
        shutil.rmtree(inside, ignore_errors=True)
        for name in FILES["workflow"]:
            inside.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
            if (HERE / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(HERE / name, inside / name, ignore=ignored)
            else:
                shutil.copy(HERE / name, inside / name)


setup(cmdclass={"build_py": BuildWithWorkflow})
