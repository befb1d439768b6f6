#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""circles.py CRATE...: fails if files of a crate import each other in a circle.

Reads `use` declarations and paths that begin with crate, super or self. A module and the modules inside it are one
concept, so imports between them do not count. Neither do tests at the end of a file.
"""
import graphlib
import pathlib
import re
import sys


def leaves(tree):
    """Returns the paths of a use tree: a::{b, c::d} has a::b and a::c::d."""
    tree = tree.strip()
    if "{" not in tree:
        return [re.split(r"\s+as\s+", tree)[0]]
    head, inner = tree.split("{", 1)
    parts, depth = [""], 0
    for character in inner[: inner.rindex("}")]:
        depth += (character == "{") - (character == "}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [head + leaf for part in parts if part.strip() for leaf in leaves(part)]


def code_of(text):
    """Returns the code without comments, strings and the tests at its end."""
    text = re.sub(r'//[^\n]*|"(?:\\.|[^"\\])*"', "", text, flags=re.S)
    return text.split("#[cfg(test)]\nmod tests")[0]


def module_of(source, file):
    """Returns a file's module, as names below the crate."""
    names = file.relative_to(source).with_suffix("").parts
    if names in [("lib",), ("main",)]:
        return ()
    return names[:-1] if names[-1] == "mod" else names


def imports(module, code, modules):
    """Returns the modules that a module imports from."""
    use = r"\buse\s+([^;]+);"
    uses = re.findall(use, code)
    inline = re.findall(r"\b(?:crate|super|self)(?:::\w+)+", re.sub(use, "", code))
    for path in [leaf for use in uses for leaf in leaves(use)] + inline:
        names = path.replace(" ", "").split("::")
        base = list(module)
        if names[0] == "crate":
            base = []
        while names and names[0] in ("crate", "self", "super"):
            if names.pop(0) == "super":
                base = base[:-1]
        found = tuple(base + names)
        while found and found not in modules:
            found = found[:-1]
        yield found


def circle(source):
    """Returns a circle of files, or None."""
    files = {module_of(source, file): file for file in sorted(source.rglob("*.rs"))}
    graph = {}
    for module, file in files.items():
        found = set(imports(module, code_of(file.read_text()), files))
        # A module may import the modules inside it, and they it: one path is a prefix of the other.
        graph[module] = {other for other in found if other[: len(module)] != module[: len(other)]}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [str(files[module]) for module in reversed(error.args[1])]
    return None


circles = [found for crate in sys.argv[1:] if (found := circle(pathlib.Path(crate) / "src"))]
for found in circles:
    print(" -> ".join(found))
sys.exit(bool(circles))
