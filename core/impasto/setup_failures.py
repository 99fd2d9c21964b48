"""What the failures of a setup mean, in sentences for users.  Standard library only: the editors' plugins contain a copy."""

from __future__ import annotations

import re

from .i18n import i18n

#: Patterns in the output of programs, and the sentence about each; the first that is found counts
FAILURES = [
    (
        r"tls initialization failed|without qt's network",
        "This Krita cannot download. Install the engine in a terminal, with impasto setup, as the manual describes.",
    ),
    (
        r"no space left|not enough space|disk full|disk quota|(os |win)error 112\b|(errno|os error) 28\b",
        "The disk is full: the engine needs {needed} in {folder}. Free some space and try again.",
    ),
    (
        r"contains a virus|(os |win)error 225\b",
        "The antivirus program has stopped the installation. Allow the folder {folder} there, and try again.",
    ),
    (
        r"being used by another process|(os |win)error (5|32)\b",
        "A file in {folder} is in use, or may not be changed: close other programs that use Impasto, and try again.",
    ),
    (
        r"filename or extension is too long|file name too long|(os |win)error 206\b",
        "The paths of the engine's files are too long for Windows: enable long paths in Windows, or set LOCALAPPDATA to a "
        "short folder, and start this program again.",
    ),
    (
        r"permission denied|access is denied|read-only file system|(errno|os error) (13|30)\b",
        "{folder} cannot be written to. Change its permissions and try again.",
    ),
    (
        r"\b407\b|proxy|tunnel error",
        "The proxy of this network did not let the download through. Set the environment variable HTTPS_PROXY, with user and "
        "password if it needs them, and start this program again.",
    ),
    (
        r"\b40[13]\b|forbidden|unauthorized",
        "The server refused the download (403). A firewall may block it: try another network, or ask who runs this one.",
    ),
    (
        r"certificate|\bssl\b|\btls\b",
        "The connection is not trusted: something on this network replaces certificates. Try another network, or set "
        "SSL_CERT_FILE and start this program again.",
    ),
    (
        r"dns error|failed to lookup|name resolution|host .*not found|host not found|error sending request|could not connect"
        r"|connection (error|reset|refused|closed|timed out)|timed out|timeout|unreachable|error decoding response body",
        "The download was interrupted. Check the network connection and try again: what is complete is not downloaded again.",
    ),
    (
        r"dll load failed|winerror 126|c10\.dll|vcruntime|msvcp140",
        "A library of Windows is missing: install the Microsoft Visual C++ Redistributable (x64), and try again.",
    ),
    (
        r"no solution found|no matching distribution|has no wheels|not found in the package registry",
        "Some of the engine's packages do not exist for this computer. The log says which.",
    ),
]


def explain_failure(output: str, folder: str, needed: str) -> str:
    """Return one sentence, with a remedy, about a failed step of a setup.

    output: of the step; folder: where the engine is installed; needed: the space that it takes, such as "1.5 GB"
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = lines[-1] if lines else i18n("no reason was given")
    for pattern, sentence in FAILURES:
        if re.search(pattern, output.lower()):
            return i18n(sentence, folder=folder, needed=needed)
    return i18n("The installation failed: {reason}", reason=last)
