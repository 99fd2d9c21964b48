"""Runs in GIMP's Python: calls the functions that a test asks for, one after another, until the folder is gone.

A request is a file `request.json` with the name of a function of `actions` and its arguments; the answer is `answer.json`.
"""

import importlib
import json
import os
import sys
import time
import traceback


def main(folder):
    sys.path.insert(0, os.environ["IMPASTO_IN_GIMP"])
    actions = importlib.import_module("actions")
    request = os.path.join(folder, "request.json")
    write(folder, "answer.json", {"result": "ready"})
    while os.path.isdir(folder):
        if not os.path.exists(request):
            time.sleep(0.02)
            continue
        with open(request, encoding="utf-8") as file:
            name, arguments = json.load(file)
        os.remove(request)
        if name == "quit":
            return
        try:
            answer = {"result": getattr(actions, name)(**arguments)}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        write(folder, "answer.json", answer)


def write(folder, name, value):
    path = os.path.join(folder, name)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.replace(path + ".new", path)


main(os.environ["IMPASTO_REQUESTS"])
